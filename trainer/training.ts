import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as yieldToEvents } from "node:timers/promises";
import type { LearningRateSchedule, TrainerConfig } from "./config.ts";
import type { TrainingPicture } from "./dataset.ts";
import { learn } from "./diffusion.ts";
import { reasonOf, unusable } from "./failure.ts";
import { removeUnfinished, unfinishedPrefix } from "./files.ts";
import { duration } from "./log.ts";
import { eventProgress, type ProgressReporter, progressReporter } from "./progress.ts";
import { seededRandom, shuffledOrder } from "./random.ts";
import { epochOf, openRun, type Run, type RunPorts, sampleRun, saveRun, writeFinalWeights } from "./run.ts";

/** A stop request saves a checkpoint when at least this many steps would be lost. */
const stepsWorthSaving = 10;
/** Share of captions that are left out, so that the model also learns to paint without one. */
const captionDropout = 0.1;
/** How much of the old mean stays in the reported loss at every step. */
const lossMemory = 0.9;
/** Uploads and events get their turn at least this often. */
const yieldMs = 20;

/**
 * Trains as `config` says: from the start or a checkpoint to the last step, then writes the weights and waits
 * for their delivery. Answers "stopped" when `stop` asked for an end before; everything else throws.
 */
export async function train(
  config: TrainerConfig,
  workingDir: string,
  ports: RunPorts,
  stop: AbortSignal,
): Promise<"finished" | "stopped"> {
  const run = await openRun(config, workingDir, ports);
  const { log, webhooks, delivery } = run;
  // Files of an earlier run that did not get through yet.
  await delivery.offer();
  const data = { status: "training", total_num_steps: run.totalSteps, total_batch_size: config.batchSize };
  webhooks.send({ type: "training.status", title: "Training started", data });

  const startedAt = performance.now();
  if (!(await trainSteps(run, stop))) return "stopped";
  const path = await writeFinalWeights(run);
  const seconds = duration((performance.now() - startedAt) / 1000);
  log.info(`Model saved: ${path} after ${run.step} steps in ${seconds}, loss=${run.lossMean.toFixed(4)}`);

  const stopped = new Promise<"stopped">((resolve) => {
    stop.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
  const delivered = delivery.finish().then(() => "finished" as const);
  if (stop.aborted || (await Promise.race([delivered, stopped])) === "stopped") {
    log.info("Stopped before every file was delivered; a resumed run delivers the rest");
    return "stopped";
  }
  const progress = eventProgress("Training", run.step, run.totalSteps);
  const stage = {
    key: "training_complete",
    label: "Training complete",
    status: "completed",
    progress,
  } as const;
  webhooks.send({ type: "lifecycle.stage", severity: "success", stage });
  webhooks.send({
    type: "training.status",
    title: "Training complete",
    data: { ...data, status: "completed" },
  });
  return "finished";
}

/** Makes the output folder usable: exists, and without what a killed run left half written. */
export async function prepareOutputDir(outputDir: string): Promise<void> {
  try {
    await mkdir(outputDir, { recursive: true });
    await removeUnfinished(outputDir);
    // Better to learn now than after an hour of training that nothing can be saved here.
    const probe = join(outputDir, `${unfinishedPrefix}probe`);
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw unusable(`output_dir: ${outputDir} cannot be written (${reasonOf(error)}).`, error);
  }
}

/** Runs the steps that are left; false when a stop was asked for. */
async function trainSteps(run: Run, stop: AbortSignal): Promise<boolean> {
  const { config, log, webhooks, delivery } = run;
  const reporter = progressReporter(log, webhooks, () => performance.now());
  const order = drawOrder(run);
  if (run.step === 0 && config.validationSteps > 0) await sampleRun(run);
  let next = loadBatch(run, order, run.step);
  while (run.step < run.totalSteps) {
    const failure = delivery.failure();
    if (failure || stop.aborted) {
      if (run.step - run.savedStep >= stepsWorthSaving) await saveRun(run);
      if (failure) throw failure;
      log.info(`Stopped after step ${run.step}/${run.totalSteps}`);
      return false;
    }
    const batch = await next;
    next = loadBatch(run, order, run.step + 1);
    await trainStep(run, batch, reporter);
    await afterStep(run, reporter);
  }
  return true;
}

async function trainStep(
  run: Run,
  batch: readonly TrainingPicture[],
  reporter: ProgressReporter,
): Promise<void> {
  const { config, dataset, model, random } = run;
  model.network.zeroGradients();
  const offset = random.uniform();
  let loss = 0;
  let yieldedAt = performance.now();
  for (const [index, { picture, rows }] of batch.entries()) {
    // Evenly spread noise levels: the loss of a batch then says more about the model than about luck.
    const quantile = (index + offset) / batch.length;
    const captionRows = random.uniform() < captionDropout ? [] : rows;
    loss +=
      learn(model.scaled, { picture, captionRows, quantile, share: 1 / batch.length }, random) / batch.length;
    if (performance.now() - yieldedAt > yieldMs || index === batch.length - 1) {
      await yieldToEvents();
      yieldedAt = performance.now();
    }
  }
  const epoch = epochOf(run.step, config.batchSize, dataset.count);
  run.step++;
  const learningRate =
    config.learningRate * scheduleFactor(config.schedule, config.warmupSteps, run.step, run.totalSteps);
  model.optimiser.update(run.step, learningRate);
  run.loss = loss;
  run.lossMean = run.step === 1 ? loss : lossMemory * run.lossMean + (1 - lossMemory) * loss;
  if (!Number.isFinite(loss)) {
    throw unusable(
      `learning_rate: the loss is no longer a number at step ${run.step}. Set a smaller learning rate.`,
    );
  }
  reporter.report({ step: run.step, totalSteps: run.totalSteps, loss: run.lossMean, learningRate, epoch });
}

async function afterStep(run: Run, reporter: ProgressReporter): Promise<void> {
  const { checkpointSteps, validationSteps } = run.config;
  const last = run.step === run.totalSteps;
  const due = (interval: number): boolean => interval > 0 && (run.step % interval === 0 || last);
  if (due(validationSteps)) await sampleRun(run);
  if (last || due(checkpointSteps)) await saveRun(run);
  if (due(validationSteps) || due(checkpointSteps)) reporter.resume();
}

/** Share of the peak learning rate at `step` (from 1): linear warm-up, then the schedule down to 5 %. */
export function scheduleFactor(
  schedule: LearningRateSchedule,
  warmupSteps: number,
  step: number,
  totalSteps: number,
): number {
  const warmup = Math.min(1, step / Math.max(1, warmupSteps));
  if (schedule === "constant") return warmup;
  const done = Math.min(1, step / totalSteps);
  const fall = schedule === "linear" ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
  return warmup * (0.05 + 0.95 * fall);
}

/**
 * Index of the picture at position `at` of the endless sequence of epochs. Every epoch's order follows from
 * the seed alone, so a resumed run draws what an uninterrupted one would have drawn.
 */
function drawOrder({ config, dataset }: Run): (at: number) => number {
  let epoch = -1;
  let order: Uint32Array = new Uint32Array();
  return (at) => {
    const wanted = Math.floor(at / dataset.count);
    if (wanted !== epoch) {
      order = shuffledOrder(dataset.count, seededRandom(config.seed, 4, wanted));
      epoch = wanted;
    }
    return order[at % dataset.count] as number;
  };
}

/** Starts loading the pictures of the step after `step` finished ones. */
function loadBatch(run: Run, order: (at: number) => number, step: number): Promise<TrainingPicture[]> {
  const { batchSize } = run.config;
  const start = step * batchSize;
  const indices = Array.from({ length: batchSize }, (_, index) => order(start + index));
  const batch = Promise.all(indices.map((index) => run.dataset.load(index)));
  // A failure counts when the batch is needed, which may be never.
  batch.catch(() => {});
  return batch;
}
