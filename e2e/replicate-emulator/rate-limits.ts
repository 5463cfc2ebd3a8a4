import type { Operation } from "./faults.ts";
import { ApiProblem } from "./wire.ts";

/** Calls that an account may make in any stretch of `perMs`: predictions to create, and everything else. */
export interface RateLimits {
  creates: number;
  others: number;
  perMs: number;
}

/** Replicate's own. */
export const usualLimits: RateLimits = { creates: 600, others: 3_000, perMs: 60_000 };

/** What another host answers, or nobody counts. */
const uncounted: readonly Operation[] = ["output", "status"];

/** Counts calls in sliding windows; throws the 429 that says when there is room again. */
export function rateLimiter({ creates, others, perMs }: RateLimits): (operation: Operation) => void {
  const windows = { create: [] as number[], other: [] as number[] };
  return (operation) => {
    if (uncounted.includes(operation)) return;
    const window = operation === "create" ? windows.create : windows.other;
    const now = performance.now();
    while ((window[0] ?? now) <= now - perMs) window.shift();
    if (window.length < (operation === "create" ? creates : others)) return void window.push(now);
    const seconds = Math.ceil(((window[0] ?? now) + perMs - now) / 100) / 10;
    throw new ApiProblem(429, "", `Request was throttled. Your rate limit resets in ~${seconds}s.`, {
      retry_after: seconds,
    });
  };
}
