import type { Prediction } from "./answers.ts";
import { isOver } from "./watched-runs.ts";

/**
 * Seconds that Replicate charges for, null while it does not tell. One that ended before it started is not charged, and
 * there is no time in its metrics (REAL-APIS: `metrics` is empty, `started_at` missing).
 */
export function billedSecondsOf(prediction: Prediction): number | null {
  const told = prediction.metrics?.predict_time ?? null;
  if (told !== null || !isOver(prediction)) return told;
  const startedAt = Date.parse(prediction.started_at ?? "");
  if (Number.isNaN(startedAt)) return 0;
  const completedAt = Date.parse(prediction.completed_at ?? "");
  return Number.isNaN(completedAt) ? null : Math.max(0, completedAt - startedAt) / 1_000;
}
