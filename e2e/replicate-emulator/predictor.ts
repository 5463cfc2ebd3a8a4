import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extractArchive } from "@simpletuner-cloud/server/packaging/extract-archive.ts";
import type { HubEmulator } from "../hub-emulator/emulator.ts";
import { invalidInput } from "./wire.ts";

/** The declared inputs of SimpleTuner's predictor. */
const declared: Record<string, "string" | "number" | "boolean"> = {
  images: "string",
  config_json: "string",
  dataloader_json: "string",
  max_train_steps: "number",
  s3_bucket: "string",
  s3_region: "string",
  s3_endpoint_url: "string",
  s3_base_path: "string",
  s3_public_base_url: "string",
  s3_access_key: "string",
  s3_secret_key: "string",
  hub_model_id: "string",
  hf_token: "string",
  lycoris_config: "string",
  return_logs: "boolean",
};

/** A dataset as the training sees it: by each picture's first bytes as text, its captions. */
export interface SeenDataset {
  id: string;
  settings: Record<string, unknown>;
  samples: { content: string; captions: string[] }[];
}

/**
 * Which predictor answers. `public`: SimpleTuner's own as of commit bc8e6ab, with its faults (docs/REPLICATE-DATASETS.md);
 * `unpacks`: somebody's fork that unpacks the archive in its working folder.
 */
export type PredictorKind = "public" | "unpacks";

/** Checks inputs against the declared ones; throws the 422 that the API answers. */
export function checkInput(input: unknown): Record<string, unknown> {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw invalidInput([{ field: "input", description: "Invalid type. Expected: object" }]);
  const wrong = Object.entries(input).flatMap(([field, value]) => {
    const type = declared[field];
    if (type === undefined)
      return [{ field: `input.${field}`, description: "Additional property is not allowed" }];
    return typeof value === type
      ? []
      : [{ field: `input.${field}`, description: `Invalid type. Expected: ${type}` }];
  });
  if (wrong.length > 0) throw invalidInput(wrong);
  return input as Record<string, unknown>;
}

/** Steps that the configuration asks for; throws for a text that is no configuration. */
export function stepsOf(input: Record<string, unknown>): number {
  const config = JSON.parse(String(input["config_json"])) as Record<string, unknown>;
  return Number(input["max_train_steps"] ?? config["max_train_steps"] ?? config["--max_train_steps"] ?? 10);
}

/** What a training comes to: its datasets as it sees them, or why it fails. */
export async function trainOn(
  kind: PredictorKind,
  input: Record<string, unknown>,
  archivePath: string | null,
  hub: HubEmulator | null,
): Promise<SeenDataset[]> {
  const folder = await mkdtemp(join(tmpdir(), "replicate-emulator-"));
  try {
    stepsOf(input);
    const given = input["dataloader_json"];
    if (given === undefined) throw new Error(await archiveProblem(archivePath));
    const datasets = (JSON.parse(String(given)) as Record<string, unknown>[]).filter(
      ({ disabled, disable }) => disabled !== true && disable !== true,
    );
    const data = join(folder, "data");
    // The public predictor has looked at the dataset list only, and its archive lies there packed.
    if (kind === "unpacks" && archivePath !== null)
      await extractArchive({
        archivePath,
        targetDir: data,
        limits: { maxEntries: 1_000_000, maxBytes: 2 ** 32 },
      });
    checkFolders(datasets, await missingFolders(datasets, data));
    const seen: SeenDataset[] = [];
    for (const dataset of datasets) {
      if (["text_embeds", "image_embeds"].includes(String(dataset["dataset_type"]))) continue;
      seen.push({
        id: String(dataset["id"]),
        settings: dataset,
        samples: await samplesOf(dataset, data, input, hub),
      });
    }
    return seen;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Without a dataset list, the predictor unpacks with a guard that compares a relative folder with absolute ones. */
async function archiveProblem(archivePath: string | null): Promise<string> {
  if (archivePath === null) return "Either dataset_archive or dataloader config must be provided.";
  return "Unsafe zip path detected: dataloader.json";
}

async function missingFolders(datasets: readonly Record<string, unknown>[], data: string): Promise<string[]> {
  const missing: string[] = [];
  for (const dataset of datasets) {
    const path = dataset["instance_data_dir"];
    if ((dataset["type"] ?? "local") !== "local" || typeof path !== "string") continue;
    const found = path.startsWith("/") ? null : await stat(join(data, path)).catch(() => null);
    if (!found?.isDirectory()) missing.push(`  - (id=${String(dataset["id"])}) instance_data_dir: ${path}`);
  }
  return missing;
}

function checkFolders(datasets: readonly Record<string, unknown>[], missing: readonly string[]): void {
  if (datasets.length === 0)
    throw new Error("Must provide at least one data backend in the data backend config file.");
  if (missing.length > 0)
    throw new Error(["The following dataset directories do not exist:", ...missing].join("\n"));
}

async function samplesOf(
  dataset: Record<string, unknown>,
  data: string,
  input: Record<string, unknown>,
  hub: HubEmulator | null,
): Promise<SeenDataset["samples"]> {
  const type = dataset["type"] ?? "local";
  if (type === "huggingface") return hubSamples(dataset, input, hub);
  if (type === "aws")
    throw new Error(
      "Can't instantiate abstract class S3DataBackend without an implementation for abstract methods 'torch_load', 'torch_save', 'write_batch'",
    );
  if (type !== "local") throw new Error(`Unknown data backend type: ${String(type)}`);
  const folder = join(data, String(dataset["instance_data_dir"]));
  const names = (await readdir(folder, { recursive: true })).sort();
  const samples: SeenDataset["samples"] = [];
  for (const name of names.filter((each) => /\.(png|jpe?g|webp)$/i.test(each))) {
    const text = await readFile(join(folder, name.replace(/\.\w+$/, ".txt")), "utf8").catch(() => null);
    const stem = name.replace(/^.*\//, "").replace(/\.\w+$/, "");
    samples.push({
      content: await firstBytes(await readFile(join(folder, name))),
      captions: dataset["caption_strategy"] === "textfile" ? linesOf(text) : [stem.replaceAll("_", " ")],
    });
  }
  return samples;
}

/** What `datasets.load_dataset` and the trainer's Hub backend make of a repository of pictures with `metadata.jsonl`. */
async function hubSamples(
  dataset: Record<string, unknown>,
  input: Record<string, unknown>,
  hub: HubEmulator | null,
): Promise<SeenDataset["samples"]> {
  const name = String(dataset["dataset_name"]);
  const repository = hub?.repositories.get(name);
  if (!repository || (repository.private && input["hf_token"] !== hub?.token))
    throw new Error(`Dataset '${name}' doesn't exist on the Hub or cannot be accessed.`);
  if (dataset["metadata_backend"] !== "huggingface")
    throw new Error("metadata_backend must be 'huggingface' for HuggingFace backends.");
  const strategy = dataset["caption_strategy"];
  if (strategy !== "huggingface" && strategy !== "instanceprompt")
    throw new Error("caption_strategy must be 'huggingface' or 'instanceprompt' for HuggingFace backends.");
  if (!repository.commits.some(({ oid }) => oid === dataset["revision"]))
    throw new Error(`Revision ${String(dataset["revision"])} doesn't exist for dataset '${name}'`);
  const table = repository.files.get("train/metadata.jsonl")?.toString() ?? "";
  const column = (dataset["huggingface"] as { caption_column?: unknown } | undefined)?.caption_column;
  const columns = Array.isArray(column) ? column.map(String) : [String(column ?? "caption")];
  return Promise.all(
    table
      .trim()
      .split("\n")
      .map(async (line) => {
        const row = JSON.parse(line) as Record<string, unknown>;
        const picture = repository.files.get(`train/${String(row["file_name"])}`);
        if (!picture) throw new Error(`image at ${String(row["file_name"])} doesn't have a file`);
        const captions = columns.map((each) => row[each]).filter((each) => typeof each === "string");
        return { content: await firstBytes(picture), captions };
      }),
  );
}

async function firstBytes(bytes: Buffer): Promise<string> {
  return bytes.subarray(0, 60).toString("latin1");
}

function linesOf(text: string | null): string[] {
  return (text ?? "").split("\n").filter((line) => line !== "");
}
