import type { AccessStore } from "../db/stores/access.ts";

/** One address's refusals for one reason make one event in this time. */
const onceInMs = 60_000;
/** So many of them are told apart; beyond that nothing more is written until the time is over. */
const mostKept = 500;

/** Writes refused deliveries into the audit, at a bounded rate: the first at once, more of the same as a number. */
export function refusedDeliveries(options: {
  access: AccessStore;
  now: () => number;
  onError: (error: unknown) => void;
}) {
  const kept = new Map<string, { sinceMs: number; times: number }>();
  return {
    tell(provider: string, address: string, reason: string): void {
      const key = `${provider} ${address} ${reason}`;
      const nowMs = options.now();
      const known = kept.get(key);
      if (known && nowMs - known.sinceMs < onceInMs) return void known.times++;
      if (kept.size >= mostKept && !known) {
        for (const [name, { sinceMs }] of kept) if (nowMs - sinceMs >= onceInMs) kept.delete(name);
        if (kept.size >= mostKept) return;
      }
      kept.set(key, { sinceMs: nowMs, times: 0 });
      const details = { provider, reason, times: (known?.times ?? 0) + 1 };
      const actor = { id: "", name: provider, address };
      options.access
        .record(async () => ({ answer: undefined, events: [{ type: "webhook_rejected", actor, details }] }))
        .catch(options.onError);
    },
  };
}
