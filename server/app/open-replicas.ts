import { createHash, randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { StateStore } from "../adapters/state/state.ts";
import { replicaHeart } from "../background/replica-heart.ts";
import type { JobQueue } from "../background/start-queued-jobs.ts";
import { takeUpJobs } from "../background/take-up-jobs.ts";
import { StartError } from "../config/values.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import type { KeyRing } from "../domain/key-ring.ts";
import type { Tracer } from "../domain/trace.ts";
import { eventFollower } from "../services/event-follower.ts";
import { type JobOwnership, sharedOwnership } from "../services/job-ownership.ts";
import { leadership, type Term } from "../services/leadership.ts";
import { leases } from "../services/leases.ts";
import type { LiveEvents } from "../services/live-events.ts";
import { machineClock } from "../services/machine-clock.ts";
import { replicaNotes, type Note, type ReplicaNotes } from "../services/replica-notes.ts";
import { type Replica, replicas } from "../services/replicas.ts";
import { sharedLive } from "../services/shared-live.ts";
import type { AppOptions } from "./app-options.ts";

/** What {@link openReplicas} stands on. */
export interface ReplicaOptions {
  self: Replica;
  state: StateStore;
  local: LiveEvents;
  /** Asked for once the live events are there. */
  stores: () => Stores;
  stopping: AbortSignal;
}

/** What makes this server one of several. */
export function openReplicas({ log }: AppOptions, { self, state, local, stores, stopping }: ReplicaOptions) {
  const hearers = new Set<(note: Note) => void>();
  const onError = (error: unknown): void => log.warn({ err: error }, "what replicas share has trouble");
  const follower = eventFollower({ stores, live: local, onError, stopping });
  const shared = sharedLive({ local, follower, notes: () => notes, stores, onError, stopping });
  const hear = (note: Note | null): void => {
    shared.hear(note);
    if (note !== null) for (const hearer of hearers) hearer(note);
  };
  const notes: ReplicaNotes = replicaNotes({ state, self: self.id, hear, onError, stopping });
  const changes = new Set<() => void>();
  const membership = replicas({ state, self, onChange: () => changes.forEach((tell) => tell()) });
  return {
    live: shared.live,
    follower,
    notes,
    membership,
    leases: leases(state, self.id),
    /** The same for all replicas, which share the key. */
    ownershipOf: (jobs: Stores["jobs"]): JobOwnership => sharedOwnership(membership, jobs),
    onNote: (hearer: (note: Note) => void) => void hearers.add(hearer),
    onMembers: (tell: () => void) => void changes.add(tell),
  };
}

/** See {@link openReplicas}. */
export type ReplicaParts = ReturnType<typeof openReplicas>;

/** Names this server among the others. */
export function thisReplica(keys: KeyRing, folder: string, backups: string | null): Replica {
  const name = hostname()
    .replaceAll(/[^\w.-]/g, "")
    .slice(0, 40);
  return {
    id: `${name}-${randomBytes(6).toString("hex")}`,
    machine: machineName(),
    get keyIds() {
      return keys.all().map(({ id }) => id);
    },
    folder,
    backups,
  };
}

/** The machine since its start and, in a container, the container since its: what lived in an earlier one is gone. */
function machineName(): string {
  const { bootId } = machineClock(Date.now)();
  return createHash("sha256").update(`${bootId} ${processSpace()}`).digest("hex").slice(0, 16);
}

function processSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return hostname();
  }
}

/** What taking part needs. */
export interface TakePartOptions {
  replicas: ReplicaParts;
  stores: Stores;
  queue: JobQueue;
  /** Begins what one server does for all; resolves once it has ended after the term's signal. */
  lead: (term: Term) => Promise<void>;
  log: AppOptions["log"];
  traces: Tracer | null;
}

/** Takes part in the work that the servers share, until it leaves. */
export function takePart({ replicas: parts, stores, queue, lead, log, traces }: TakePartOptions) {
  const { membership, notes, live } = parts;
  const ending = new AbortController();
  const election = leadership({
    leases: parts.leases,
    begin: lead,
    onError: (error) => log.warn({ err: error }, "leading the servers failed, trying again"),
  });
  const shared = { replicas: membership, log, traces, stopping: ending.signal };
  const heart = replicaHeart({ ...shared, leadership: election });
  const takeUp = takeUpJobs({ ...shared, jobs: stores.jobs, queue });
  parts.onMembers(takeUp.wake);
  parts.onNote(({ members }) => {
    if (members) void heart.runOnce();
  });
  live.act(({ event, jobId }) => {
    if (event === "job.created" || event === "job.status" || event === "settings.changed") queue.wake();
    if (jobId === null) return;
    if (event === "job.cancel_requested") queue.stopRun(jobId);
    if (event === "job.status")
      queue.offer(jobId).catch((error: unknown) => log.warn({ err: error, job_id: jobId }, "the job waits"));
  });
  return {
    /** Throws {@link StartError} when the other servers are not ones to share with. */
    async join(): Promise<void> {
      parts.follower.begin();
      await membership.beat().catch((error: unknown) => {
        if (error instanceof StartError) throw error;
        log.warn(
          { err: error },
          "the state backend does not answer; until it does this server drives no job",
        );
      });
      notes.tell({ members: true });
    },
    /** Hands over at once what others would else take over after a while. */
    async leave(): Promise<void> {
      await election.resign();
      ending.abort();
      await Promise.all([heart.settled(), takeUp.settled()]);
      await membership
        .leave()
        .catch((error: unknown) => log.warn({ err: error }, "the others wait for this one's end"));
      notes.tell({ members: true });
      await notes.flush();
    },
  };
}
