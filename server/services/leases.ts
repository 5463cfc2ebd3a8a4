import { absent, type StateStore } from "../adapters/state/state.ts";

/** A right that one holder has at a time, for as long as it keeps it up. */
export interface Lease {
  readonly name: string;
  /** Grows with each new holder: work that was fenced with a smaller number is late and must be refused. */
  readonly fence: number;
  /** By `performance.now()` of this process; from then on somebody else may hold it. */
  readonly untilMs: number;
}

interface Held {
  holder: string;
  fence: number;
  untilMs: number;
}

/** A record of a lease outlives it by this, so that its numbers go on where they were. */
const keptMs = 24 * 3_600_000;

/** Leases by name among all replicas; `holder` is this process's own id, new at each start. */
export function leases(state: StateStore, holder: string) {
  const read = async (name: string) => {
    const startedAtMs = performance.now();
    const [found, nowMs] = await Promise.all([state.get(`lease:${name}`), state.clock()]);
    return { found, held: found && (JSON.parse(found.value) as Held), nowMs, startedAtMs };
  };
  const write = async (name: string, held: Held, version: string | typeof absent): Promise<boolean> =>
    state.set(`lease:${name}`, JSON.stringify(held), keptMs, version);
  return {
    /** Takes a lease that nobody holds, or renews this holder's own; null while somebody else has it. */
    async acquire(name: string, ttlMs: number): Promise<Lease | null> {
      const { found, held, nowMs, startedAtMs } = await read(name);
      const isOwn = held?.holder === holder && held.untilMs > nowMs;
      if (held && !isOwn && held.untilMs > nowMs) return null;
      // The clock keeps numbers growing even where the store lost what it had.
      const fence = isOwn ? held.fence : Math.max((held?.fence ?? 0) + 1, nowMs);
      const isTaken = await write(name, { holder, fence, untilMs: nowMs + ttlMs }, found?.version ?? absent);
      return isTaken ? { name, fence, untilMs: startedAtMs + ttlMs } : null;
    },
    /** Keeps a lease for `ttlMs` from now; null when it was lost. */
    async renew(lease: Lease, ttlMs: number): Promise<Lease | null> {
      const { found, held, nowMs, startedAtMs } = await read(lease.name);
      if (!found || held?.holder !== holder || held.fence !== lease.fence) return null;
      const isKept = await write(lease.name, { ...held, untilMs: nowMs + ttlMs }, found.version);
      return isKept ? { ...lease, untilMs: startedAtMs + ttlMs } : null;
    },
    /** Gives a lease back, so that nobody has to wait for its end. */
    async release(lease: Lease): Promise<void> {
      const { found, held } = await read(lease.name);
      if (found && held?.holder === holder && held.fence === lease.fence)
        await write(lease.name, { ...held, untilMs: 0 }, found.version);
    },
  };
}

/** See {@link leases}. */
export type Leases = ReturnType<typeof leases>;
