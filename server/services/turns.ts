import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Lease, Leases } from "./leases.ts";

/**
 * Runs `work` alone among all work of the same name; what waits goes in the order it came, in this process at least. With
 * `busy` nobody waits: its answer is thrown while another has the turn.
 */
export type Turns = <Result>(
  name: string,
  work: () => Promise<Result>,
  busy?: () => Error,
) => Promise<Result>;

/** A turn that is not kept up for so long is over: its server died. */
const turnMs = 10_000;
/** Nobody waits longer for a turn. */
const longestWaitMs = 30_000;

/** Turns inside this process; names that nobody holds cost nothing. */
export function ownTurns(): Turns {
  const tails = new Map<string, Promise<unknown>>();
  return async (name, work, busy) => {
    if (busy && tails.has(name)) throw busy();
    const earlier = tails.get(name) ?? Promise.resolve();
    const run = earlier.then(work, work);
    const tail = run
      .catch(() => undefined)
      .then(() => {
        if (tails.get(name) === tail) tails.delete(name);
      });
    tails.set(name, tail);
    return run;
  };
}

/**
 * Turns among all replicas, each kept up by a lease for as long as its work takes. Throws `state_unavailable` when the
 * shared state does not answer.
 */
export function sharedTurns(leases: Leases): Turns {
  const own = ownTurns();
  const shared = <Result>(name: string, work: () => Promise<Result>, busy?: () => Error): Promise<Result> => {
    const key = `turn:${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
    const alone = async (): Promise<Result> => {
      let lease = await taken(leases, key, busy);
      const keeping = setInterval(() => {
        leases.renew(lease, turnMs).then(
          (kept) => (lease = kept ?? lease),
          // It lasts for another while, and the next beat may reach the state again.
          () => undefined,
        );
      }, turnMs / 4).unref();
      try {
        return await work();
      } finally {
        clearInterval(keeping);
        await leases.release(lease).catch(() => undefined);
      }
    };
    return own(name, alone, busy);
  };
  return shared;
}

async function taken(leases: Leases, name: string, busy: (() => Error) | undefined): Promise<Lease> {
  const untilMs = performance.now() + longestWaitMs;
  for (let waitMs = 5; ; waitMs = Math.min(200, waitMs * 2)) {
    const lease = await leases.acquire(name, turnMs);
    if (lease) return lease;
    if (busy) throw busy();
    if (performance.now() > untilMs)
      throw fail("state_unavailable", { backend: "state", reason: "its turn did not come" });
    await delay(waitMs * (0.5 + Math.random()));
  }
}
