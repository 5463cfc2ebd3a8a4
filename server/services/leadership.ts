import type { Lease, Leases } from "./leases.ts";
import { marginMs, presenceMs } from "./replicas.ts";

/** A time in which this server does what only one may do. */
export interface Term {
  /** Aborts before anybody else can lead. */
  readonly signal: AbortSignal;
  /** Grows from leader to leader. */
  readonly fence: number;
}

/** What leading needs. */
export interface LeadershipOptions {
  leases: Leases;
  /** Begins the work of a leader; resolves once all of it has ended after the term's signal. */
  begin: (term: Term) => Promise<void>;
  onError: (error: unknown) => void;
}

/**
 * Leads while it holds the lease `leader`. The work of a term is told to stop before the lease can run out, and the next
 * term of this server begins once the work of its last has ended.
 */
export function leadership({ leases, begin, onError }: LeadershipOptions) {
  let lease: Lease | null = null;
  let ending: NodeJS.Timeout | undefined;
  let term: { controller: AbortController; fence: number } | null = null;
  let work: Promise<void> = Promise.resolve();
  const end = (): void => {
    clearTimeout(ending);
    term?.controller.abort(new Error("another server may lead now"));
    term = null;
  };
  const lead = (held: Lease): void => {
    if (term?.fence !== held.fence) end();
    clearTimeout(ending);
    ending = setTimeout(end, held.untilMs - marginMs - performance.now()).unref();
    if (term !== null) return;
    const controller = new AbortController();
    term = { controller, fence: held.fence };
    work = work
      .then(() =>
        controller.signal.aborted ? undefined : begin({ signal: controller.signal, fence: held.fence }),
      )
      .catch((error: unknown) => {
        onError(error);
        // The next beat begins a term anew.
        if (term?.controller === controller) end();
      });
  };
  return {
    /** Takes or keeps the lead, or finds that somebody else has it. */
    async beat(): Promise<void> {
      const held: Lease | null = lease === null ? null : await leases.renew(lease, presenceMs);
      lease = held ?? (await leases.acquire("leader", presenceMs));
      if (lease === null) end();
      else lead(lease);
    },
    /** Ends the term and frees the lead, once the work has ended. */
    async resign(): Promise<void> {
      end();
      await work;
      const held = lease;
      lease = null;
      if (held) await leases.release(held).catch(onError);
    },
    isLeading: (): boolean => term !== null,
  };
}

/** See {@link leadership}. */
export type Leadership = ReturnType<typeof leadership>;
