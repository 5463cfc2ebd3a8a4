/** At most `limit` in any `windowMs` milliseconds, wherever these begin. */
export interface RateRule {
  readonly limit: number;
  readonly windowMs: number;
}

/** What was let through within the window: pairs of instant (epoch ms) and how many, oldest first, in one flat list. */
export type WindowLog = readonly number[];

/** How full a window is. */
export interface WindowUsage {
  /** How many of those asked for were let through. */
  readonly allowed: number;
  /** How many the window holds now, with those. */
  readonly used: number;
  /** Until there is a place again; 0 while there is one. */
  readonly retryMs: number;
  /** Until the window is empty, if nothing more comes. */
  readonly resetMs: number;
}

/**
 * Instants that are told apart in one window. A rule with a limit up to this is kept to the millisecond. Above, instants
 * are rounded up to a 256th of the window: nothing more than the limit ever gets through, and each place is free again
 * at most 0.4 % of the window later than it could be. So the log of a busy key stays this short whatever its limit.
 */
export const mostInstants = 256;

/** Milliseconds that count as one instant under a rule. */
export function instantMs({ limit, windowMs }: RateRule): number {
  return limit <= mostInstants ? 1 : Math.ceil(windowMs / mostInstants);
}

/**
 * Lets through as many of `wanted` as fit and answers the log that is to be stored; the same log when nothing changed
 * that matters. With 0 it only looks. A clock behind the log's newest instant is taken to stand there, which lets nothing
 * more through; one behind it by more than a window was set back, and what it left is forgotten.
 */
export function takePlaces(
  stored: WindowLog,
  rule: RateRule,
  wanted: number,
  clockMs: number,
): { log: WindowLog; usage: WindowUsage } {
  const { limit, windowMs } = rule;
  const instant = instantMs(rule);
  const newest = stored.at(-2) ?? Number.NEGATIVE_INFINITY;
  const nowMs = newest > clockMs + windowMs + instant ? clockMs : Math.max(clockMs, newest - instant + 1);
  const log = liveOf(stored, nowMs, windowMs, instant);
  let used = 0;
  for (let at = 1; at < log.length; at += 2) used += log[at] as number;
  const allowed = Math.max(0, Math.min(wanted, limit - used));
  if (allowed > 0) {
    const at = Math.max(Math.ceil(nowMs / instant) * instant, log.at(-2) ?? 0);
    if (log.at(-2) === at) log.push((log.pop() as number) + allowed);
    else log.push(at, allowed);
    used += allowed;
  }
  const resetMs = log.length === 0 ? 0 : (log.at(-2) as number) + windowMs - nowMs;
  return { log, usage: { allowed, used, retryMs: retryMsOf(log, rule, used, nowMs), resetMs } };
}

function liveOf(stored: WindowLog, nowMs: number, windowMs: number, instant: number): number[] {
  let from = 0;
  while (from < stored.length && (stored[from] as number) <= nowMs - windowMs) from += 2;
  const live = stored.slice(from);
  return (live.at(-2) ?? 0) > nowMs + windowMs + instant ? [] : live;
}

/** Until so many of the oldest are out of the window that one more fits. */
function retryMsOf(log: WindowLog, { limit, windowMs }: RateRule, used: number, nowMs: number): number {
  let tooMany = used - limit + 1;
  for (let at = 0; at < log.length && tooMany > 0; at += 2) {
    tooMany -= log[at + 1] as number;
    if (tooMany <= 0) return (log[at] as number) + windowMs - nowMs;
  }
  return 0;
}
