import { addOnce, type StateStore } from "../adapters/state/state.ts";
import type { AccessStore } from "../db/stores/access.ts";

/** So many clients and rules are told apart; beyond that nothing more is written until some of their windows are over. */
const mostKept = 1_000;

/** A request over a limit. */
export interface Violation {
  rule: { name: string; limit: number; windowMs: number };
  /** What it was counted by. */
  client: string;
  actor: { id: string; name: string; address: string };
  method: string;
  path: string;
  userAgent: string;
}

/** What writing them down needs. */
export interface RateViolationOptions {
  state: StateStore;
  access: AccessStore;
  onError: (error: unknown) => void;
}

/**
 * Writes requests over a limit into the audit: one entry for a client, a rule and a window, of all replicas together,
 * however many come. Those that were only counted since are told as `times` by the next.
 */
export function rateViolations({ state, access, onError }: RateViolationOptions) {
  const kept = new Map<string, { untilMs: number; times: number }>();
  const write = async (violation: Violation, key: string, times: number): Promise<void> => {
    const { rule, actor, method } = violation;
    // Without an answer it is written all the same: twice is better than not at all.
    const isFirst = await addOnce(state, `rate-told:${key}`, rule.windowMs).catch(() => true);
    if (!isFirst) return;
    const details = {
      rule: rule.name,
      client: violation.client,
      limit: rule.limit,
      window_seconds: rule.windowMs / 1_000,
      method,
      path: violation.path.slice(0, 200),
      user_agent: violation.userAgent.slice(0, 200),
      times,
    };
    await access.record(async () => ({
      answer: undefined,
      events: [{ type: "security.rate_limited", actor, details }],
    }));
  };
  return {
    /** Notes one; never throws and is not waited for. */
    record(violation: Violation): void {
      const key = `${violation.rule.name}:${violation.client}`;
      const nowMs = performance.now();
      const known = kept.get(key);
      if (known && known.untilMs > nowMs) return void known.times++;
      if (kept.size >= mostKept && !known) {
        for (const [name, { untilMs }] of kept) if (untilMs <= nowMs) kept.delete(name);
        if (kept.size >= mostKept) return;
      }
      kept.set(key, { untilMs: nowMs + violation.rule.windowMs, times: 0 });
      write(violation, key, (known?.times ?? 0) + 1).catch(onError);
    },
  };
}
