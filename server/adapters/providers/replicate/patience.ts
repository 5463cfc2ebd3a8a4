import { setTimeout as delay } from "node:timers/promises";
import { isPassing } from "./failures.ts";

/** Waits of this provider; tests shorten them. */
export interface Patience {
  /** Between attempts while Replicate cannot be reached: doubled from the first to the longest. */
  firstWaitMs: number;
  longestWaitMs: number;
  /** After this long without success, starting a job fails. */
  giveUpAfterMs: number;
  /** So long a request whose answer was lost may still take effect. */
  settleMs: number;
  /** Between looks at a young run, and at an old one. */
  youngLookMs: number;
  oldLookMs: number;
  /** Between looks at a run that Replicate tells of by itself. */
  toldLookMs: number;
  /** Between two calls that look at runs: ten a second, a fifth of what Replicate lets one account do. */
  betweenCallsMs: number;
  /** Calls that may follow each other at once after a pause, and that may be under way together. */
  callsAtOnce: number;
  /** So few runs are looked at for their logs although Replicate tells what becomes of them. */
  fewRuns: number;
  /** Of more runs than this, lists tell which have ended. */
  manyRuns: number;
}

/** What holds outside of tests. */
export const usualPatience: Patience = {
  firstWaitMs: 2_000,
  longestWaitMs: 30_000,
  giveUpAfterMs: 30 * 60_000,
  settleMs: 5_000,
  youngLookMs: 2_000,
  oldLookMs: 30_000,
  toldLookMs: 60_000,
  betweenCallsMs: 100,
  callsAtOnce: 20,
  fewRuns: 20,
  manyRuns: 100,
};

/** Does the work again, with growing waits, while it fails for a reason that passes; the waits are on top of each call's own retries. */
export async function patiently<Result>(
  patience: Patience,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const giveUpAt = performance.now() + patience.giveUpAfterMs;
  for (let waitMs = patience.firstWaitMs; ; waitMs = Math.min(waitMs * 2, patience.longestWaitMs)) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error) || performance.now() + waitMs > giveUpAt) throw error;
    }
    await delay(waitMs, undefined, { signal });
  }
}

/** How long to wait before the next look at a run: short at first, then a twentieth of its age. */
export function lookAfterMs(patience: Patience, looks: number, ageMs: number): number {
  const shortAtFirst = patience.youngLookMs * Math.min(1, 2 ** (looks - 3));
  return Math.min(patience.oldLookMs, Math.max(shortAtFirst, ageMs / 20));
}
