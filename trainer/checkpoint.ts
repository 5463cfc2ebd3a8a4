import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "./config.ts";
import { reasonOf, unusable } from "./failure.ts";
import { writeWholeFolder } from "./files.ts";
import type { Log } from "./log.ts";
import type { RandomState } from "./random.ts";
import { encodeSafetensors, readSafetensors, type SafetensorsEntry } from "./safetensors.ts";

/** File names of SimpleTuner's layout. */
export const weightsFile = "pytorch_lora_weights.safetensors";
const optimiserFile = "optimizer.safetensors";
const stateFile = "training_state.json";

/** Where a run stands after `global_step` steps. */
export interface TrainingState {
  global_step: number;
  /** The pass over the dataset that the next step belongs to, from 1. */
  epoch: number;
  rng_state: RandomState;
  /** Loss of the last step and its running mean. */
  loss: number;
  loss_ema: number;
  seed: number;
  config_hash: string;
  resolution: number;
  width: number;
  datasets: readonly string[];
  image_count: number;
}

/** A complete checkpoint, read and checked. */
export interface LoadedCheckpoint {
  name: string;
  state: TrainingState;
  weights: Map<string, SafetensorsEntry>;
  optimiser: Map<string, SafetensorsEntry>;
}

/** What a checkpoint folder is made from. */
export interface CheckpointContent {
  state: TrainingState;
  weights: ReadonlyMap<string, SafetensorsEntry>;
  optimiser: ReadonlyMap<string, SafetensorsEntry>;
  metadata: Readonly<Record<string, string>>;
  readme: string;
}

/** Folder name of the checkpoint after `step` steps. */
export function checkpointName(step: number): string {
  return `checkpoint-${step}`;
}

/** Writes `checkpoint-<step>`, visible only when complete, and removes the oldest beyond `limit` (0: none). */
export async function saveCheckpoint(
  outputDir: string,
  content: CheckpointContent,
  limit: number,
): Promise<string> {
  const name = checkpointName(content.state.global_step);
  await writeWholeFolder(
    join(outputDir, name),
    new Map<string, Uint8Array | string>([
      [weightsFile, encodeSafetensors(content.weights, content.metadata)],
      [optimiserFile, encodeSafetensors(content.optimiser, { format: "pt" })],
      [stateFile, `${JSON.stringify(content.state, null, 2)}\n`],
      ["README.md", content.readme],
    ]),
  );
  if (limit > 0) {
    const old = (await checkpointSteps(outputDir)).filter((step) => step < content.state.global_step);
    for (const step of old.slice(limit - 1)) {
      await rm(join(outputDir, checkpointName(step)), { recursive: true, force: true });
    }
  }
  return name;
}

/**
 * Finds the checkpoint to resume from. `latest` takes the highest one that is complete, passing over damaged
 * ones with a warning, and is undefined when there is none; a name must exist and be complete.
 */
export async function loadCheckpoint(
  outputDir: string,
  wanted: string,
  log: Log,
): Promise<LoadedCheckpoint | undefined> {
  if (wanted !== "latest") {
    const name = wanted.replace(/\/+$/, "").split("/").at(-1) ?? "";
    if (!/^checkpoint-\d+$/.test(name)) {
      throw unusable(
        `resume_from_checkpoint: "${wanted}" is neither "latest" nor a name like checkpoint-200.`,
      );
    }
    return readCheckpoint(outputDir, name).catch((error: unknown) => {
      throw unusable(`resume_from_checkpoint: ${name} cannot be used: it ${reasonOf(error)}.`, error);
    });
  }
  for (const step of await checkpointSteps(outputDir)) {
    try {
      return await readCheckpoint(outputDir, checkpointName(step));
    } catch (error) {
      log.warn(`${checkpointName(step)} is damaged and passed over: it ${reasonOf(error)}.`);
    }
  }
  return undefined;
}

/** Steps of the checkpoint folders, highest first. */
export async function checkpointSteps(outputDir: string): Promise<number[]> {
  const items = await readdir(outputDir, { withFileTypes: true });
  return items
    .flatMap((item) => (item.isDirectory() ? (/^checkpoint-(\d+)$/.exec(item.name) ?? []).slice(1) : []))
    .map(Number)
    .sort((a, b) => b - a);
}

async function readCheckpoint(outputDir: string, name: string): Promise<LoadedCheckpoint> {
  const folder = join(outputDir, name);
  const state = parseState(await readFile(join(folder, stateFile), "utf8"));
  if (checkpointName(state.global_step) !== name) throw new Error(`says it is at step ${state.global_step}`);
  const { tensors: weights } = await readSafetensors(join(folder, weightsFile));
  const { tensors: optimiser } = await readSafetensors(join(folder, optimiserFile));
  return { name, state, weights, optimiser };
}

function parseState(text: string): TrainingState {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error(`has a ${stateFile} that is not JSON`);
  }
  if (!isObject(parsed) || !Array.isArray(parsed["rng_state"]) || parsed["rng_state"].length !== 4) {
    throw new Error(`has a ${stateFile} without rng_state`);
  }
  const numbers = ["global_step", "loss", "loss_ema", "resolution", "width", "image_count"];
  for (const key of numbers) {
    if (typeof parsed[key] !== "number") throw new Error(`has a ${stateFile} without ${key}`);
  }
  return parsed as unknown as TrainingState;
}
