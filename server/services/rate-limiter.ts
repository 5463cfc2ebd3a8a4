import { setImmediate as turnEnd } from "node:timers/promises";
import type { StateStore } from "../adapters/state/state.ts";
import type { RateRule, WindowUsage } from "../domain/sliding-window.ts";

/** What became of one request that is counted. */
export interface RateDecision {
  readonly allowed: boolean;
  readonly limit: number;
  /** How many more may come now. */
  readonly remaining: number;
  /** Until one may come again; 0 while one may. */
  readonly retryMs: number;
  /** Until all may come again, if none comes meanwhile. */
  readonly resetMs: number;
}

/** Requests of one key that are put to the store as one question. */
interface Asking {
  count: number;
  decisions: Promise<RateDecision[]>;
}

/**
 * Counts under one rule, for all replicas together: in no window are there ever more than the limit. What comes for the
 * same key in one turn of this process is one question to the store, and a key that is full is asked for again only when
 * it has a place, or after a second: another process may have cleared it.
 */
export function rateLimiter(state: StateStore, prefix: string, rule: RateRule) {
  const asking = new Map<string, Asking>();
  const full = fullKeys();

  const ask = async (key: string, entry: { count: number }): Promise<RateDecision[]> => {
    await turnEnd();
    asking.delete(key);
    const askedAtMs = performance.now();
    const usage = await state.takePlaces(`${prefix}:${key}`, rule, entry.count);
    if (usage.retryMs > 0) full.note(key, askedAtMs, usage);
    return decisionsOf(rule, entry.count, usage);
  };
  const refusal = (key: string): RateDecision | null => {
    const known = full.find(key, performance.now());
    return known && { allowed: false, limit: rule.limit, remaining: 0, ...known };
  };
  const check = async (key: string): Promise<RateDecision> => {
    const known = refusal(key);
    if (known) return known;
    let entry = asking.get(key);
    if (!entry) {
      const opened = { count: 0 };
      entry = Object.assign(opened, { decisions: ask(key, opened) });
      asking.set(key, entry);
    }
    const place = entry.count++;
    return (await entry.decisions)[place] as RateDecision;
  };
  return {
    rule,
    /** Counts one request of a key if there is a place for it. Throws `state_unavailable` when the store does not answer. */
    check,
    /** What `check` would answer without asking the store; null where it would ask. */
    refusal,
    /** Counts one request as {@link check} does, and does the work that depends on it. */
    track: async <Result>(key: string, work: (decision: RateDecision) => Promise<Result>): Promise<Result> =>
      work(await check(key)),
    /** Forgets what was counted of a key; other processes let it through again within a second. */
    async clear(key: string): Promise<void> {
      await state.clearPlaces(`${prefix}:${key}`);
      full.forget(key);
    },
    /** How full the window of a key is; counts nothing. */
    usage: (key: string): Promise<WindowUsage> => state.takePlaces(`${prefix}:${key}`, rule, 0),
  };
}

/** See {@link rateLimiter}. */
export type RateLimiter = ReturnType<typeof rateLimiter>;

/** The decisions on so many requests that came together: the first get the places. */
function decisionsOf({ limit }: RateRule, asked: number, usage: WindowUsage): RateDecision[] {
  const { allowed, used, retryMs, resetMs } = usage;
  return Array.from({ length: asked }, (_, place) => {
    const remaining = Math.max(0, limit - used + Math.max(0, allowed - place - 1));
    return { allowed: place < allowed, limit, remaining, retryMs: remaining > 0 ? 0 : retryMs, resetMs };
  });
}

/** Keys remembered as full, and for how long; one that is forgotten is asked for again. */
const mostRemembered = 10_000;
const rememberedMs = 1_000;

function fullKeys() {
  const known = new Map<string, { untilMs: number; freeAtMs: number; emptyAtMs: number }>();
  return {
    /** `askedAtMs` lies before the store looked, so that no place is refused that is free already. */
    note(key: string, askedAtMs: number, { retryMs, resetMs }: WindowUsage): void {
      if (known.size >= mostRemembered) known.clear();
      known.set(key, {
        untilMs: askedAtMs + Math.min(retryMs, rememberedMs),
        freeAtMs: askedAtMs + retryMs,
        emptyAtMs: askedAtMs + resetMs,
      });
    },
    find(key: string, nowMs: number): { retryMs: number; resetMs: number } | null {
      const found = known.get(key);
      if (!found) return null;
      if (found.untilMs > nowMs) return { retryMs: found.freeAtMs - nowMs, resetMs: found.emptyAtMs - nowMs };
      known.delete(key);
      return null;
    },
    forget: (key: string): void => void known.delete(key),
  };
}
