import { setTimeout as delay } from "node:timers/promises";

/** Lets calls through at a pace, in the order in which they ask. */
export interface CallBudget {
  /** Resolves when the next call may be made. */
  take(): Promise<void>;
}

/**
 * One call each `everyMs` in the long run; after a pause as many as `atOnce` together. Of several servers with one
 * account each takes its share.
 */
export function callBudget(everyMs: number, atOnce: number, servers: () => number = () => 1): CallBudget {
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    async take() {
      const now = performance.now();
      const ownMs = everyMs * servers();
      const at = Math.max(nextAt, now - (atOnce - 1) * everyMs);
      nextAt = at + ownMs;
      if (at > now) await delay(at - now);
    },
  };
}
