import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import type { Log } from "./log.ts";
import type { TrainerEvent, Webhooks } from "./webhook.ts";

/** The sample pictures of this repository: 36 images and their captions. */
export const sampleImages = fileURLToPath(new URL("../samples/lighthouse-coast", import.meta.url));

/** A temporary folder that is removed when the tests of the file are over. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "trainer-"));
  after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A log that keeps its lines; `seen` is called with each. */
export function memoryLog(seen: (line: string) => void = () => {}): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    seen(line);
  };
  return { lines, info: keep, warn: (line) => keep(`WARN ${line}`), error: (line) => keep(`ERROR ${line}`) };
}

/** Webhooks that hand every event to `seen`. */
export function memoryWebhooks(seen: (event: TrainerEvent) => void = () => {}): Webhooks {
  return { send: seen, flush: async () => {} };
}

/** Copies the sample pictures from `start` to before `end` into `<folder>/images`. */
export async function copySamples(folder: string, start: number, end: number): Promise<string> {
  const target = join(folder, "images");
  await mkdir(target, { recursive: true });
  const stems = (await readdir(sampleImages))
    .filter((name) => name.endsWith(".jpg"))
    .sort()
    .slice(start, end);
  for (const name of stems.flatMap((image) => [image, image.replace(/jpg$/, "txt")])) {
    await cp(join(sampleImages, name), join(target, name));
  }
  return target;
}

/** Writes config.json and multidatabackend.json for a quick run in `folder`; returns the config's path. */
export async function writeConfig(
  folder: string,
  images: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const backends = [{ id: "coast", type: "local", instance_data_dir: images, caption_strategy: "textfile" }];
  await writeFile(join(folder, "multidatabackend.json"), JSON.stringify(backends));
  const config = {
    "--data_backend_config": join(folder, "multidatabackend.json"),
    "--output_dir": join(folder, "output"),
    "--max_train_steps": 40,
    "--resolution": 16,
    "--lora_rank": 8,
    "--train_batch_size": 4,
    "--checkpointing_steps": 10,
    "--seed": 7,
    ...changes,
  };
  const path = join(folder, "config.json");
  await writeFile(path, JSON.stringify(config));
  return path;
}
