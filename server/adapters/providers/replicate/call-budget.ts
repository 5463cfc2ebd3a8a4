import { setTimeout as delay } from "node:timers/promises";

/** Lets calls through at a pace, in the order in which they ask. */
export interface CallBudget {
  /** Resolves when the next call may be made. */
  take(): Promise<void>;
}

/** One call each `everyMs` in the long run; after a pause as many as `atOnce` together. */
export function callBudget(everyMs: number, atOnce: number): CallBudget {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    async take() {
      const now = performance.now();
      const at = Math.max(nextAt, now - (atOnce - 1) * everyMs);
      nextAt = at + everyMs;
      if (at > now) await delay(at - now);
    },
  };
}
