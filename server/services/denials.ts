import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { AccessStore } from "../db/stores/access.ts";

/** One caller's refusals of one permission make one event in this time. */
const onceInMs = 60_000;
/** So many callers and permissions are told apart; beyond that nothing more is written until the time is over. */
const mostKept = 1_000;

/** A refusal. */
export interface Denial {
  caller: Caller;
  permission: string;
  address: string;
  method: string;
  path: string;
}

/** Writes refusals of signed-in callers into the audit, at a bounded rate: the first at once, more of the same as a number. */
export function denials({
  access,
  now,
  onError,
}: {
  access: AccessStore;
  now: () => number;
  onError: (error: unknown) => void;
}) {
  const kept = new Map<string, { sinceMs: number; times: number }>();
  return {
    record({ caller, permission, address, method, path }: Denial): void {
      const key = `${caller.userId} ${permission}`;
      const known = kept.get(key);
      const nowMs = now();
      if (known && nowMs - known.sinceMs < onceInMs) return void known.times++;
      if (kept.size >= mostKept && !known) {
        for (const [name, { sinceMs }] of kept) if (nowMs - sinceMs >= onceInMs) kept.delete(name);
        if (kept.size >= mostKept) return;
      }
      kept.set(key, { sinceMs: nowMs, times: 0 });
      const actor = { id: caller.userId, name: caller.username, address };
      // Those that were only counted since the last event are told by the next.
      const details = { permission, method, path, times: (known?.times ?? 0) + 1 };
      access
        .record(async () => ({
          answer: undefined,
          events: [{ type: "security.permission_denied", actor, details }],
        }))
        .catch(onError);
    },
  };
}

/** See {@link denials}. */
export type Denials = ReturnType<typeof denials>;
