/** What is known of failed attempts under one name or from one address. */
export interface Attempts {
  failures: number;
  lastFailedAtMs: number;
  /** Attempts before this moment are refused unread; 0 when none is. */
  blockedUntilMs: number;
}

/** How many attempts may fail before the next has to wait. */
export interface AttemptRule {
  free: number;
}

/** One person mistypes; many people share an address. */
export const attemptRules = { name: { free: 5 }, address: { free: 30 } } as const;

/** After this without a failure all is forgotten. */
export const forgetAfterMs = 3_600_000;
const firstWaitMs = 30_000;
/** No wait is longer, so nobody can shut out another for good. */
const longestWaitMs = 15 * 60_000;

/** How long the next attempt has to wait; 0 when it may be made now. */
export function waitMs(attempts: Attempts | null, nowMs: number): number {
  return attempts === null ? 0 : Math.max(0, attempts.blockedUntilMs - nowMs);
}

/** What is known after one more failure: each beyond the free ones doubles the wait, up to 15 minutes. */
export function afterFailure(attempts: Attempts | null, rule: AttemptRule, nowMs: number): Attempts {
  const remembered =
    attempts !== null && nowMs - attempts.lastFailedAtMs < forgetAfterMs ? attempts.failures : 0;
  const failures = remembered + 1;
  const beyond = failures - rule.free;
  const wait = beyond < 0 ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(beyond, 20));
  return { failures, lastFailedAtMs: nowMs, blockedUntilMs: wait === 0 ? 0 : nowMs + wait };
}
