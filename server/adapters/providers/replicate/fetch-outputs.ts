import { createWriteStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Prediction } from "./answers.ts";
import type { ReplicateClient } from "./client.ts";
import { isPassing, providerName, ReplicateError } from "./failures.ts";
import type { RunPlace } from "./run-state.ts";

/** What fetching needs. */
export interface FetchOptions {
  client: ReplicateClient;
  /** Unpacks an archive into a folder, which appears complete or not at all. */
  unpack: (archivePath: string, folder: string, signal: AbortSignal) => Promise<void>;
}

/** What a finished run brought: its files lie in the output folder; `elsewhere` is where its trainer says they went. */
export interface Fetched {
  files: number;
  elsewhere: string | null;
}

/**
 * Brings the outputs of a finished prediction to this machine. Files that are here are not fetched again; each appears
 * whole. Throws `provider_outputs_gone` when they were removed before.
 */
export async function fetchOutputs(
  options: FetchOptions,
  place: RunPlace,
  prediction: Prediction,
  signal: AbortSignal,
): Promise<Fetched> {
  const { client } = options;
  const texts = textsIn(prediction.output);
  const urls = texts.filter((text) => client.isOutputUrl(text));
  const elsewhere = texts.find((text) => !urls.includes(text) && /^https?:\/\//.test(text)) ?? null;
  const names = namesOf(urls);
  const only = names.length === 1 ? names[0] : undefined;
  // The predictor of older versions packs its whole output folder.
  const zipped = only !== undefined && /\.zip$/i.test(only);
  for (const [index, url] of urls.entries()) {
    const target = zipped ? place.archive : join(place.output, names[index] ?? "");
    if (await exists(target)) continue;
    await fetchFile(options, prediction, { url, index, target }, signal);
  }
  if (zipped && !(await exists(place.output))) await options.unpack(place.archive, place.output, signal);
  return { files: urls.length, elsewhere };
}

async function fetchFile(
  { client }: FetchOptions,
  { id }: Prediction,
  { url, index, target }: { url: string; index: number; target: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    await download(client, url, target, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
    // The address may have run out while the file is still there under another one.
    const now = await client.prediction(id, { signal });
    const newUrl = textsIn(now?.output).filter((text) => client.isOutputUrl(text))[index];
    if (newUrl === undefined || newUrl === url) throw gone(id, error);
    await download(client, newUrl, target, signal).catch((again: unknown) => {
      throw isGone(again) ? gone(id, again) : again;
    });
  }
}

/** An address that will not work however often it is asked. */
function isGone(error: unknown): boolean {
  return error instanceof ReplicateError && !isPassing(error);
}

/** The failure of a run whose outputs are not there any more. */
export function gone(run: string, cause?: unknown): Error {
  return fail("provider_outputs_gone", { provider: providerName, run }, cause);
}

async function download(
  client: ReplicateClient,
  url: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const { headers, body } = await client.output(url, { signal });
  const partial = `${target}.part`;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  try {
    await pipeline(body, createWriteStream(partial, { mode: 0o600, flush: true }), { signal });
    const { size } = await stat(partial);
    const declared = headers["content-length"];
    if (declared !== undefined && headers["content-encoding"] === undefined && size !== Number(declared))
      throw new Error(`an output has ${size} bytes instead of ${declared}`);
    await rename(partial, target);
    const folder = await open(dirname(target));
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Every text in an output, which may be one, a list, or an object of them. */
function textsIn(output: unknown): string[] {
  if (typeof output === "string") return [output];
  if (typeof output !== "object" || output === null) return [];
  return Object.values(output).flatMap(textsIn);
}

/** A file name for each address: its last part, told apart where two are the same. */
function namesOf(urls: readonly string[]): string[] {
  const taken = new Set<string>();
  return urls.map((url, index) => {
    const last = new URL(url).pathname.split("/").at(-1) ?? "";
    const plain =
      last
        .replaceAll(/[^\w.-]/g, "_")
        .replace(/^\.+/, "")
        .slice(-150) || "output";
    const name = taken.has(plain) ? `${index + 1}-${plain}` : plain;
    taken.add(name);
    return name;
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}
