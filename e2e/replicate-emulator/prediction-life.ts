import type { SeenDataset } from "./predictor.ts";

/** A prediction as the emulator keeps it; what it looks like follows from the time. */
export interface StoredPrediction {
  readonly id: string;
  readonly version: string;
  readonly model: string;
  readonly nanoUsdPerSecond: number;
  readonly input: Record<string, unknown>;
  readonly createdAtMs: number;
  readonly startMs: number;
  readonly trainMs: number;
  readonly steps: number;
  /** Why training cannot work, once that is known. */
  problem: string | null;
  /** What it trains on, once that is known. */
  seen: SeenDataset[] | null;
  canceledAtMs: number | null;
  /** Cancelling came too late: it was taken, and training ended first. */
  ignoresCancel: boolean;
  dataRemoved: boolean;
  /** Files of the output, by name. */
  outputs: readonly string[];
  /** The output, when it is a text. */
  says: string | null;
  /** Changes with each new set of addresses. */
  outputKey: string;
}

/** How a prediction stands. */
export interface Standing {
  status: "starting" | "processing" | "succeeded" | "failed" | "canceled";
  startedAtMs: number | null;
  completedAtMs: number | null;
  error: string | null;
}

/** The state at an instant. */
export function standingAt(prediction: StoredPrediction, nowMs: number): Standing {
  const startedAt = prediction.createdAtMs + prediction.startMs;
  const failsAt = prediction.problem === null ? Number.POSITIVE_INFINITY : startedAt + prediction.trainMs / 4;
  const endsAt = Math.min(failsAt, startedAt + prediction.trainMs);
  const canceledAt = prediction.ignoresCancel ? null : prediction.canceledAtMs;
  if (canceledAt !== null && canceledAt < endsAt && canceledAt <= nowMs)
    return {
      status: "canceled",
      startedAtMs: canceledAt > startedAt ? startedAt : null,
      completedAtMs: canceledAt,
      error: null,
    };
  if (nowMs < startedAt) return { status: "starting", startedAtMs: null, completedAtMs: null, error: null };
  if (nowMs < endsAt)
    return { status: "processing", startedAtMs: startedAt, completedAtMs: null, error: null };
  return {
    status: prediction.problem === null ? "succeeded" : "failed",
    startedAtMs: startedAt,
    completedAtMs: endsAt,
    error: prediction.problem,
  };
}

/** Seconds that are billed: of computing only. */
export function predictSeconds({ startedAtMs, completedAtMs }: Standing): number {
  return startedAtMs === null || completedAtMs === null ? 0 : (completedAtMs - startedAtMs) / 1_000;
}

/** Billionths of a dollar, rounded once per prediction. */
export function billedNanoUsd(prediction: StoredPrediction, nowMs: number): number {
  return Math.round(predictSeconds(standingAt(prediction, nowMs)) * prediction.nanoUsdPerSecond);
}

/** The log as far as it is written; the last line may be half drawn. */
export function logAt(prediction: StoredPrediction, nowMs: number): string {
  const standing = standingAt(prediction, nowMs);
  if (standing.startedAtMs === null) return "";
  const ranMs = Math.min(nowMs, standing.completedAtMs ?? nowMs) - standing.startedAtMs;
  const done = Math.min(prediction.steps, Math.floor((ranMs / prediction.trainMs) * prediction.steps));
  const lines = ["[STAGE] Loading: preprocessing the datasets"];
  for (let step = 1; step <= done; step++)
    lines.push(
      `Training step ${step}/${prediction.steps} loss=${(1 / Math.sqrt(step)).toFixed(4)} lr=0.0001`,
    );
  if (standing.status === "succeeded") lines.push("Saved the model", "");
  else if (standing.error !== null) lines.push(`[ERROR] ${standing.error}`, "");
  else lines.push(`Training step ${done + 1}/${prediction.steps}`);
  return lines.join("\n");
}

/** What an answer holds. A row of a list has no logs; what is removed an hour after the end is missing. */
export function viewOf(
  prediction: StoredPrediction,
  nowMs: number,
  baseUrl: string,
  outputUrl: (name: string) => string,
) {
  const standing = standingAt(prediction, nowMs);
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const { id, version, model, dataRemoved } = prediction;
  const isOver = standing.completedAtMs !== null;
  const log = logAt(prediction, nowMs);
  return {
    id,
    model,
    version,
    status: standing.status,
    created_at: iso(prediction.createdAtMs),
    ...(standing.startedAtMs !== null && { started_at: iso(standing.startedAtMs) }),
    ...(isOver && { completed_at: iso(standing.completedAtMs) }),
    input: dataRemoved ? null : redacted(prediction.input),
    output:
      standing.status === "succeeded" && !dataRemoved
        ? (prediction.says ?? prediction.outputs.map(outputUrl))
        : null,
    error: standing.error,
    logs: dataRemoved || log === "" ? null : log,
    // Of one that never started there is no time to tell.
    metrics: isOver && standing.startedAtMs !== null ? { predict_time: predictSeconds(standing) } : {},
    data_removed: dataRemoved,
    source: "api",
    urls: { get: `${baseUrl}/predictions/${id}`, cancel: `${baseUrl}/predictions/${id}/cancel` },
  };
}

/** Secret inputs are not told in any answer. */
function redacted(input: Record<string, unknown>): Record<string, unknown> {
  const secret = new Set(["s3_access_key", "s3_secret_key", "hf_token"]);
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, secret.has(name) ? "[REDACTED]" : value]),
  );
}
