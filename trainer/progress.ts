import { duration, type Log } from "./log.ts";
import type { EventProgress, Webhooks } from "./webhook.ts";

/** What one training step left to tell. */
export interface StepReport {
  step: number;
  totalSteps: number;
  loss: number;
  learningRate: number;
  /** From 1. */
  epoch: number;
}

/** Turns steps into lines and events at a pace a person can follow. */
export interface ProgressReporter {
  report(step: StepReport): void;
  /** Call after work that is not training (saving, sampling), so that it does not count as slow steps. */
  resume(): void;
}

const lineIntervalMs = 400;
const eventIntervalMs = 1_000;
/** How much the newest interval counts in the shown speed. */
const speedSmoothing = 0.3;

/** Reports to `log` and `webhooks`; `now` gives milliseconds. */
export function progressReporter(log: Log, webhooks: Webhooks, now: () => number): ProgressReporter {
  let measuredFrom = now();
  let stepsSince = 0;
  let stepsPerSecond = 0;
  let lastLine = -Infinity;
  let lastEvent = -Infinity;
  return {
    resume: () => {
      measuredFrom = now();
      stepsSince = 0;
    },
    report: ({ step, totalSteps, loss, learningRate, epoch }) => {
      const time = now();
      stepsSince++;
      if (time - lastLine < lineIntervalMs && step !== totalSteps) return;
      const measured = (stepsSince * 1000) / Math.max(1, time - measuredFrom);
      stepsPerSecond =
        stepsPerSecond === 0 ? measured : stepsPerSecond + (measured - stepsPerSecond) * speedSmoothing;
      measuredFrom = time;
      stepsSince = 0;
      lastLine = time;
      const etaSeconds = (totalSteps - step) / stepsPerSecond;
      log.info(
        `Training step ${step}/${totalSteps} loss=${loss.toFixed(4)} lr=${learningRate.toExponential(1)} ` +
          `speed=${stepsPerSecond.toFixed(1)}it/s eta=${duration(etaSeconds).replace(/ /g, "")} epoch=${epoch}`,
      );
      if (time - lastEvent < eventIntervalMs && step !== totalSteps) return;
      lastEvent = time;
      const metrics = { loss, learning_rate: learningRate, steps_per_second: stepsPerSecond, epoch };
      const progress = {
        ...eventProgress("Training", step, totalSteps),
        eta_seconds: Math.round(etaSeconds),
        metrics,
      };
      webhooks.send({ type: "training.progress", progress });
    },
  };
}

/** Progress without a time estimate. */
export function eventProgress(label: string, current: number, total: number): EventProgress {
  const percent = total === 0 ? 0 : Math.round((current / total) * 1000) / 10;
  return { label, current, total, percent, eta_seconds: null, metrics: {} };
}
