import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { reasonOf, unusable } from "./failure.ts";

/** Where delivered files go: one bucket of an S3 endpoint. */
export interface PublishingTarget {
  endpointUrl: string;
  bucket: string;
  /** Key prefix without slashes at its ends; may be empty. */
  basePath: string;
  region: string;
  accessKey: string;
  secretKey: string;
}

/** Who is told about events. */
export interface WebhookTarget {
  callbackUrl: string;
  authToken: string | undefined;
}

/** How the learning rate falls from its peak to the last step. */
export type LearningRateSchedule = "constant" | "linear" | "cosine";

/** Everything the trainer takes from its configuration, checked. */
export interface TrainerConfig {
  jobId: string;
  runName: string;
  modelFamily: string;
  dataBackendPath: string;
  outputDir: string;
  /** undefined: `epochs` decides. */
  maxTrainSteps: number | undefined;
  epochs: number;
  learningRate: number;
  schedule: LearningRateSchedule;
  warmupSteps: number;
  batchSize: number;
  /** Side of the square training pictures in pixels: 16, 32, 48 or 64. */
  resolution: number;
  /** Channels of the network's first level. */
  width: number;
  seed: number;
  /** 0: only at the end. */
  checkpointSteps: number;
  /** 0: keep all. */
  checkpointLimit: number;
  /** 0: no samples. */
  validationSteps: number;
  validationImages: number;
  validationPrompt: string;
  validationGuidance: number;
  validationInferenceSteps: number;
  /** `latest`, the name of a checkpoint folder, or undefined to start anew. */
  resumeFrom: string | undefined;
  publishing: PublishingTarget[];
  webhooks: WebhookTarget[];
  /** What was changed or ignored, in sentences for the log. */
  notes: string[];
}

type Json = Record<string, unknown>;

/** Reads the configuration that `CONFIG_PATH` names; every failure is one sentence that names the key. */
export async function readTrainerConfig(
  environment: Readonly<Record<string, string | undefined>>,
  workingDir: string,
): Promise<TrainerConfig> {
  const backend = environment["SIMPLETUNER_CONFIG_BACKEND"] ?? "json";
  if (backend !== "json")
    throw unusable(`SIMPLETUNER_CONFIG_BACKEND: "${backend}" is not supported. Set it to json.`);
  const path = environment["CONFIG_PATH"];
  if (!path) throw unusable("CONFIG_PATH: set it to the path of the config.json to train with.");
  const parsed = await readJson("CONFIG_PATH", resolve(workingDir, path));
  if (!isObject(parsed)) throw unusable(`CONFIG_PATH: ${path} must hold one JSON object.`);
  return parseTrainerConfig(parsed, workingDir);
}

/** Reads a JSON file; a missing, unreadable or malformed one is a sentence that names `key`. */
export async function readJson(key: string, path: string): Promise<unknown> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw unusable(`${key}: ${path} cannot be read (${reasonOf(error)}).`, error);
  });
  try {
    return JSON.parse(content);
  } catch (error) {
    throw unusable(`${key}: ${path} is not valid JSON (${reasonOf(error)}).`, error);
  }
}

/** True for a JSON object (no array, no null). */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checks a configuration whose keys may start with `--`; relative paths start at `workingDir`. */
export function parseTrainerConfig(raw: Json, workingDir: string): TrainerConfig {
  const keys: Json = {};
  for (const [key, value] of Object.entries(raw)) {
    if (value !== null && value !== "") keys[key.replace(/^--/, "")] = value;
  }
  const notes: string[] = [];
  const maxTrainSteps = integer(keys, "max_train_steps", 0, 0, 100_000_000);
  const epochs = integer(keys, "num_train_epochs", 0, 0, 1_000_000);
  if (maxTrainSteps === 0 && epochs === 0) {
    throw unusable("max_train_steps: set the number of training steps (or num_train_epochs).");
  }
  const resume = text(keys, "resume_from_checkpoint", "none");
  return {
    jobId: text(keys, "__job_id__", "job"),
    runName: text(keys, "tracker_run_name", "denoiser"),
    modelFamily: text(keys, "model_family", "pixel-denoiser"),
    dataBackendPath: resolve(workingDir, required(keys, "data_backend_config")),
    outputDir: resolve(workingDir, required(keys, "output_dir")),
    maxTrainSteps: maxTrainSteps === 0 ? undefined : maxTrainSteps,
    epochs,
    learningRate: decimal(keys, "learning_rate", 0.005, 1e-9, 1),
    schedule: schedule(keys, notes),
    warmupSteps: integer(keys, "lr_warmup_steps", 20, 0, 1_000_000),
    batchSize: integer(keys, "train_batch_size", 8, 1, 1024),
    resolution: resolution(keys, notes),
    width: Math.min(32, Math.max(8, Math.round(integer(keys, "lora_rank", 16, 1, 4096) / 8) * 8)),
    seed: integer(keys, "seed", 42, 0, 4_294_967_295),
    checkpointSteps: integer(
      keys,
      oneOf(keys, "checkpointing_steps", "checkpoint_step_interval"),
      500,
      0,
      1e9,
    ),
    checkpointLimit: integer(keys, "checkpoints_total_limit", 0, 0, 1_000_000),
    validationSteps: integer(keys, oneOf(keys, "validation_steps", "validation_step_interval"), 0, 0, 1e9),
    validationImages: integer(keys, "num_validation_images", 1, 1, 16),
    validationPrompt: text(keys, "validation_prompt", ""),
    validationGuidance: decimal(keys, "validation_guidance", 2, 0, 30),
    validationInferenceSteps: integer(keys, "validation_num_inference_steps", 25, 2, 1000),
    resumeFrom: resume === "none" ? undefined : resume,
    publishing: entries(keys, "publishing_config").map(publishingTarget),
    webhooks: entries(keys, "webhook_config").flatMap((entry, index) => webhookTarget(entry, index, notes)),
    notes,
  };
}

function oneOf(keys: Json, name: string, alias: string): string {
  return name in keys ? name : alias in keys ? alias : name;
}

function text(keys: Json, key: string, fallback: string): string {
  const value = keys[key] ?? fallback;
  if (typeof value !== "string" && typeof value !== "number") throw unusable(`${key}: must be a text.`);
  return String(value);
}

function required(keys: Json, key: string): string {
  const value = text(keys, key, "");
  if (value === "") throw unusable(`${key}: is missing. Set it to a path.`);
  return value;
}

function decimal(keys: Json, key: string, fallback: number, low: number, high: number): number {
  const value = keys[key] ?? fallback;
  const parsed = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof parsed !== "number" || !Number.isFinite(parsed) || parsed < low || parsed > high) {
    throw unusable(`${key}: ${JSON.stringify(value)} is not a number from ${low} to ${high}.`);
  }
  return parsed;
}

function integer(keys: Json, key: string, fallback: number, low: number, high: number): number {
  const value = decimal(keys, key, fallback, low, high);
  if (!Number.isInteger(value)) throw unusable(`${key}: ${value} is not a whole number.`);
  return value;
}

/** Small pictures only: 16 to 64 pixels in steps of 16. What a big model would be given becomes 32. */
function resolution(keys: Json, notes: string[]): number {
  const wanted = decimal(keys, "resolution", 32, 0.01, 100_000);
  if (wanted >= 16 && wanted <= 64) {
    const used = Math.floor(wanted / 16) * 16;
    if (used !== wanted)
      notes.push(`resolution: ${wanted} was rounded down to ${used} pixels, a multiple of 16.`);
    return used;
  }
  notes.push(`resolution: the bundled trainer works at 16 to 64 pixels, so ${wanted} became 32.`);
  return 32;
}

function schedule(keys: Json, notes: string[]): LearningRateSchedule {
  const name = text(keys, "lr_scheduler", "cosine");
  if (name.startsWith("constant")) return "constant";
  if (name === "linear" || name === "polynomial") return "linear";
  if (!name.startsWith("cosine")) notes.push(`lr_scheduler: "${name}" is not known here; cosine is used.`);
  return "cosine";
}

function entries(keys: Json, key: string): Json[] {
  const value = keys[key] ?? [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry, index) => {
    if (!isObject(entry)) throw unusable(`${key}[${index}]: must be an object.`);
    return entry;
  });
}

function publishingTarget(entry: Json, index: number): PublishingTarget {
  const at = `publishing_config[${index}]`;
  const first = (...names: string[]): string => {
    const value = names
      .map((name) => entry[name])
      .find((candidate) => typeof candidate === "string" && candidate);
    return typeof value === "string" ? value : "";
  };
  const needed = (...names: string[]): string => {
    const value = first(...names);
    if (value === "") throw unusable(`${at}.${names[0]}: is missing.`);
    return value;
  };
  if (first("provider") !== "s3") {
    throw unusable(`${at}.provider: the bundled trainer delivers only to "s3" endpoints.`);
  }
  const endpoint = needed("endpoint_url");
  const withScheme = /^https?:\/\//.test(endpoint)
    ? endpoint
    : `${entry["use_ssl"] === false ? "http" : "https"}://${endpoint}`;
  if (!URL.canParse(withScheme)) throw unusable(`${at}.endpoint_url: "${endpoint}" is not a URL.`);
  return {
    endpointUrl: withScheme.replace(/\/+$/, ""),
    bucket: needed("bucket"),
    basePath: first("base_path").replace(/^\/+|\/+$/g, ""),
    region: first("region", "region_name") || "auto",
    accessKey: needed("access_key", "aws_access_key_id"),
    secretKey: needed("secret_key", "aws_secret_access_key"),
  };
}

function webhookTarget(entry: Json, index: number, notes: string[]): WebhookTarget[] {
  const at = `webhook_config[${index}]`;
  const kind = entry["webhook_type"] ?? "raw";
  if (kind !== "raw") {
    notes.push(`${at}.webhook_type: only "raw" is supported, so this entry is not called.`);
    return [];
  }
  const url = entry["callback_url"];
  if (typeof url !== "string" || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw unusable(`${at}.callback_url: must be an http or https URL.`);
  }
  const token = entry["auth_token"];
  return [{ callbackUrl: url, authToken: typeof token === "string" && token !== "" ? token : undefined }];
}
