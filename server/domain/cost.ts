/** Micro-dollars of an hour's price as providers state it; the only place where money comes from a float. */
export function microsOfUsd(usd: number): number {
  return Math.round(usd * 1e6);
}

/** Dollars of micro-dollars, for the wire; every amount below a billion dollars comes back exactly. */
export function usdOfMicros(micros: number): number {
  return micros / 1e6;
}

const hourMs = 3_600_000n;

/**
 * What `ms` milliseconds cost at a rate in micro-dollars an hour, rounded half up to a micro-dollar. Counted in whole
 * numbers from the whole time, never summed up from rounded pieces, so that it does not drift.
 */
export function costMicros(rateMicrosPerHour: number, ms: number): number {
  const product = BigInt(rateMicrosPerHour) * BigInt(Math.max(0, Math.round(ms)));
  return Number((product * 2n + hourMs) / (hourMs * 2n));
}

/** `$1,234.50`; below a cent four digits, so that it does not read as free. */
export function usdText(micros: number): string {
  const digits = micros !== 0 && Math.abs(micros) < 10_000 ? 4 : 2;
  return `$${usdOfMicros(micros).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** A finished job as far as estimates are concerned. */
export interface PastRun {
  hardware: string | null;
  modelFamily: string | null;
  durationMs: number;
  steps: number;
}

/** What is known of a job before it runs. */
export interface JobShape {
  hardware: string | null;
  modelFamily: string | null;
  /** Null when the configuration does not say. */
  steps: number | null;
}

/** A figure with the range it probably lies in. */
export interface Range {
  low: number;
  typical: number;
  high: number;
}

/** What a job will probably take and cost. `typical` stands for no history at all, and is a guess. */
export interface Estimate {
  basis: "history" | "typical" | "free" | "none";
  pastRuns: number;
  durationMs: Range | null;
  micros: Range | null;
}

/** Without any history: starting up, and the time of one step of a LoRA on a data-centre GPU, roughly. */
const typicalStartMs = 5 * 60_000;
const typicalStepMs = 1_500;
const typicalSteps = 2_000;
const guessLow = 0.4;
const guessHigh = 2.5;
const uncountedSteps = 2;

/** How far one past run may be off; with n runs the margin is an n-th of it. */
const marginOfOne = 0.3;

/**
 * Estimates a job from past runs of the same hardware and model family, each scaled to this job's steps: their median,
 * and the range between their 10th and 90th percentile, widened while they are few. Without any, the provider's price
 * times a typical time. A rate of 0 is free; without a rate (null) there is no cost to tell.
 */
export function estimateJob(
  past: readonly PastRun[],
  shape: JobShape,
  rateMicrosPerHour: number | null,
): Estimate {
  const scaled = comparableMs(past, shape);
  const durationMs = scaled.length > 0 ? spreadOf(scaled) : rateMicrosPerHour ? guessOf(shape) : null;
  const basis = scaled.length > 0 ? "history" : rateMicrosPerHour ? "typical" : null;
  return {
    basis: basis ?? (rateMicrosPerHour === 0 ? "free" : "none"),
    pastRuns: scaled.length,
    durationMs,
    micros: rateMicrosPerHour === 0 ? { low: 0, typical: 0, high: 0 } : priced(durationMs, rateMicrosPerHour),
  };
}

function priced(durationMs: Range | null, rate: number | null): Range | null {
  if (durationMs === null || rate === null) return null;
  return {
    low: costMicros(rate, durationMs.low),
    typical: costMicros(rate, durationMs.typical),
    high: costMicros(rate, durationMs.high),
  };
}

function comparableMs(past: readonly PastRun[], shape: JobShape): number[] {
  const { steps } = shape;
  if (steps === null || !(steps > 0)) return [];
  return past
    .filter((run) => run.modelFamily === shape.modelFamily && run.hardware === shape.hardware)
    .filter((run) => run.steps > 0 && run.durationMs > 0)
    .map((run) => (run.durationMs / run.steps) * steps)
    .sort((a, b) => a - b);
}

function spreadOf(sorted: readonly number[]): Range {
  const margin = marginOfOne / sorted.length;
  return {
    low: Math.round(quantile(sorted, 0.1) * (1 - margin)),
    typical: Math.round(quantile(sorted, 0.5)),
    high: Math.round(quantile(sorted, 0.9) * (1 + margin)),
  };
}

function guessOf({ steps }: JobShape): Range {
  const known = steps !== null && steps > 0;
  const typical = typicalStartMs + (known ? steps : typicalSteps) * typicalStepMs;
  const doubt = known ? 1 : uncountedSteps;
  return {
    low: Math.round((typical * guessLow) / doubt),
    typical: Math.round(typical),
    high: Math.round(typical * guessHigh * doubt),
  };
}

/** The value below which a share of the ascending values lies, between two of them in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? 0;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place - Math.floor(place));
}

/** The steps a configuration asks for, in either way of writing it; null when it does not say. */
export function stepsOf(config: Readonly<Record<string, unknown>>): number | null {
  const steps = Number(config["max_train_steps"] ?? config["--max_train_steps"]);
  return steps > 0 && Number.isFinite(steps) ? Math.round(steps) : null;
}

/** The model family a configuration names, in either way of writing it. */
export function familyOf(config: Readonly<Record<string, unknown>>): string | null {
  const family = config["model_family"] ?? config["--model_family"];
  return typeof family === "string" ? family : null;
}
