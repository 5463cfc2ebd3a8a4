import { join } from "node:path";
import { bandTransform, type BandTransform } from "./bands.ts";
import {
  type LoadedCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
  type TrainingState,
  weightsFile,
} from "./checkpoint.ts";
import type { TrainerConfig } from "./config.ts";
import { readImageBackends } from "./data-backends.ts";
import { type Dataset, openDataset } from "./dataset.ts";
import type { Wish } from "./diffusion.ts";
import { reasonOf, unusable } from "./failure.ts";
import { writeWhole } from "./files.ts";
import type { Log } from "./log.ts";
import {
  configHash,
  fillModel,
  type Model,
  optimiserTensors,
  statisticsOf,
  untrainedModel,
  weightTensors,
} from "./model.ts";
import { modelCard, weightsMetadata } from "./model-card.ts";
import { eventProgress } from "./progress.ts";
import { type Random, seededRandom, shuffledOrder } from "./random.ts";
import { encodeSafetensors } from "./safetensors.ts";
import { writeSamples } from "./sample.ts";
import type { Delivery } from "./upload.ts";
import type { Webhooks } from "./webhook.ts";
import { captionRows } from "./words.ts";

/** What a run talks to. */
export interface RunPorts {
  readonly log: Log;
  readonly webhooks: Webhooks;
  readonly delivery: Delivery;
}

/** One training in progress: everything fixed for its length, and where it stands. */
export interface Run extends RunPorts {
  readonly config: TrainerConfig;
  readonly dataset: Dataset;
  readonly transform: BandTransform;
  readonly model: Model;
  /** Draws the training noise; its state is part of every checkpoint. */
  readonly random: Random;
  readonly totalSteps: number;
  /** Finished steps. */
  step: number;
  loss: number;
  lossMean: number;
  /** Step of the newest checkpoint that this run wrote or started from. */
  savedStep: number;
}

/** Opens dataset, model and checkpoint. Throws a TrainerFailure whose sentence names what cannot be used. */
export async function openRun(config: TrainerConfig, workingDir: string, ports: RunPorts): Promise<Run> {
  const { log, webhooks } = ports;
  const stage = (key: string, label: string, status: "running" | "completed"): void =>
    webhooks.send({ type: "lifecycle.stage", severity: "info", stage: { key, label, status } });

  stage("init_data_backend", "Loading datasets", "running");
  const notes: string[] = [];
  const backends = await readImageBackends(config.dataBackendPath, workingDir, notes);
  for (const note of notes) log.warn(note);
  log.info(`Loading datasets ${backends.map(({ id }) => id).join(", ")}`);
  const transform = bandTransform(config.resolution);
  const dataset = await openDataset(backends, transform, log);
  log.info(`Preprocessing done: ${dataset.count} images at ${config.resolution}x${config.resolution}`);
  stage("init_data_backend", "Loading datasets", "completed");

  const checkpoint =
    config.resumeFrom === undefined
      ? undefined
      : await loadCheckpoint(config.outputDir, config.resumeFrom, log);
  if (checkpoint) checkCompatible(checkpoint, config, dataset, log);
  const statistics = checkpoint ? statisticsOf(checkpoint.weights, transform.bands) : dataset.statistics;
  if (!statistics) throw unusable(`resume_from_checkpoint: ${checkpoint?.name} lacks its band statistics.`);
  stage("init_load_base_model", "Building the network", "running");
  const model = untrainedModel(transform, config.width, config.seed, statistics);
  const numbers = model.network.parameters.reduce((sum, { value }) => sum + value.data.length, 0);
  log.info(`Loading network: ${numbers} parameters, width ${config.width}`);
  stage("init_load_base_model", "Building the network", "completed");

  const stepsPerEpoch = Math.ceil(dataset.count / config.batchSize);
  const run: Run = {
    ...ports,
    config,
    dataset,
    transform,
    model,
    random: seededRandom(config.seed, 2),
    totalSteps: config.maxTrainSteps ?? config.epochs * stepsPerEpoch,
    step: 0,
    loss: 0,
    lossMean: 0,
    savedStep: 0,
  };
  if (checkpoint) restore(run, checkpoint);
  return run;
}

/** Where the run stands, as a checkpoint keeps it. */
export function stateOf({ config, dataset, random, step, loss, lossMean }: Run): TrainingState {
  return {
    global_step: step,
    epoch: epochOf(step, config.batchSize, dataset.count),
    rng_state: random.state(),
    loss,
    loss_ema: lossMean,
    seed: config.seed,
    config_hash: configHash(config),
    resolution: config.resolution,
    width: config.width,
    datasets: dataset.ids,
    image_count: dataset.count,
  };
}

/** The pass over the dataset, from 1, that the step after `step` finished ones starts in. */
export function epochOf(step: number, batchSize: number, imageCount: number): number {
  return Math.floor((step * batchSize) / imageCount) + 1;
}

/** Writes `checkpoint-<step>` and offers it for delivery. */
export async function saveRun(run: Run): Promise<void> {
  const { config, model, log, webhooks, delivery } = run;
  const state = stateOf(run);
  log.info(`Saving checkpoint checkpoint-${state.global_step}`);
  const path = await saveCheckpoint(
    config.outputDir,
    {
      state,
      weights: weightTensors(model),
      optimiser: optimiserTensors(model),
      metadata: weightsMetadata(config, state),
      readme: modelCard(config, state),
    },
    config.checkpointLimit,
  );
  run.savedStep = run.step;
  webhooks.send({
    type: "training.checkpoint",
    severity: "success",
    title: `Saved ${path}`,
    checkpoint: { path, label: path, is_final: run.step >= run.totalSteps },
  });
  await delivery.offer();
}

/** Paints the samples of the current step from the averaged weights and offers them for delivery. */
export async function sampleRun(run: Run): Promise<void> {
  const { config, model, transform, log, webhooks, delivery, step } = run;
  log.info(`Validation: painting ${config.validationImages} samples after step ${step}`);
  const prompts = await samplePrompts(run);
  const wishes = prompts.map((prompt): Wish => {
    const { validationInferenceSteps: steps, validationGuidance: guidance } = config;
    return { captionRows: captionRows(prompt), steps, guidance };
  });
  const paths = await model.optimiser.withAverages(() =>
    writeSamples(config.outputDir, step, wishes, model.scaled, transform, config.seed),
  );
  for (const [index, path] of paths.entries()) {
    const data = { step, path, prompt: prompts[index] };
    webhooks.send({ type: "validation.image", severity: "info", title: `Sample after step ${step}`, data });
  }
  await delivery.offer();
}

/** Writes the delivered weights and their card into the output folder itself. */
export async function writeFinalWeights(run: Run): Promise<string> {
  const { config, model, webhooks } = run;
  const state = stateOf(run);
  const path = join(config.outputDir, weightsFile);
  await writeWhole(path, encodeSafetensors(weightTensors(model), weightsMetadata(config, state)));
  await writeWhole(join(config.outputDir, "README.md"), modelCard(config, state));
  const progress = eventProgress("Training", run.step, run.totalSteps);
  const stage = { key: "model_save", label: "Saving the model", status: "completed", progress } as const;
  webhooks.send({ type: "lifecycle.stage", severity: "success", stage });
  return path;
}

/** The validation prompt for every sample, or the captions of randomly chosen pictures, the same at every step. */
async function samplePrompts({ config, dataset }: Run): Promise<string[]> {
  const { validationImages, validationPrompt, seed } = config;
  const order = shuffledOrder(dataset.count, seededRandom(seed, 5));
  const indices = Array.from(
    { length: validationImages },
    (_, index) => order[index % dataset.count] as number,
  );
  if (validationPrompt !== "") return indices.map(() => validationPrompt);
  return Promise.all(indices.map(async (index) => (await dataset.load(index)).caption));
}

function checkCompatible(
  { name, state }: LoadedCheckpoint,
  config: TrainerConfig,
  dataset: Dataset,
  log: Log,
): void {
  for (const [key, was, is] of [
    ["resolution", state.resolution, config.resolution],
    ["lora_rank (network width)", state.width, config.width],
  ] as const) {
    if (was !== is)
      throw unusable(
        `${key}: ${name} was trained with ${was}, the configuration says ${is}. Make them equal.`,
      );
  }
  if (state.image_count !== dataset.count) {
    log.warn(`${name} was trained on ${state.image_count} images, the dataset now has ${dataset.count}.`);
  } else if (state.config_hash !== configHash(config)) {
    log.warn(`${name} was trained with other settings; the run goes on with the present ones.`);
  }
}

function restore(run: Run, { name, state, weights, optimiser }: LoadedCheckpoint): void {
  try {
    fillModel(run.model, weights, optimiser);
  } catch (error) {
    throw unusable(`resume_from_checkpoint: ${name} does not fit the network: it ${reasonOf(error)}.`, error);
  }
  run.random.restore(state.rng_state);
  run.step = state.global_step;
  run.savedStep = state.global_step;
  run.loss = state.loss;
  run.lossMean = state.loss_ema;
  run.log.info(`Loading done: resuming from step ${state.global_step} (${name})`);
  const stage = {
    key: "init_resume_checkpoint",
    label: `Resumed from ${name}`,
    status: "completed",
  } as const;
  run.webhooks.send({ type: "lifecycle.stage", severity: "info", stage });
}
