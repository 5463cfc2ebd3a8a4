import { createHash } from "node:crypto";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobPrivate, JobRecord } from "../domain/job-record.ts";
import type { Replica, Replicas } from "./replicas.ts";

/** A machine that was not heard of for so long is taken for gone with everything that ran on it. */
const machineSilenceMs = 60_000;

/** Which jobs this server drives: every job has one driver at a time. */
export interface JobOwnership {
  /** What makes a job that begins a living server's, as fields of the change that begins it. */
  assign(jobId: string): Pick<JobPrivate, "owner">;
  /** This server drives it. Read in the transaction of a write, it makes what a late driver writes void. */
  isMine(job: JobRecord): boolean;
  /** Takes the job if it is this server's turn to drive it; answers whether it drives it now. */
  claim(jobId: string): Promise<boolean>;
}

/** The ownership of a server that is the only one. */
export const onlyServer: JobOwnership = {
  assign: () => ({}),
  isMine: () => true,
  claim: async () => true,
};

/**
 * Shares jobs among the living replicas: a job without a living driver goes to the one that all of them would choose, so
 * that they need not ask each other. A run on a machine stays with the servers of that machine for as long as there are
 * any, and for a minute after.
 */
export function sharedOwnership(replicas: Replicas, jobs: Pick<JobStore, "find" | "change">): JobOwnership {
  const { self } = replicas;
  const isMine = ({ private: { owner } }: JobRecord): boolean =>
    owner?.replica === self.id && !replicas.presence().aborted;
  const mayTake = (job: JobRecord): boolean => {
    const living = replicas.living();
    const { owner } = job.private;
    if (living === null || job.wire.is_terminal || job.private.runToken === null) return false;
    if (owner && living.some(({ id }) => id === owner.replica)) return false;
    return chosenFor(job.wire.job_id, candidates(job, living))?.id === self.id;
  };
  const candidates = ({ wire, private: own }: JobRecord, living: readonly Replica[]): readonly Replica[] => {
    const isHere = wire.provider === "local" && own.handedOver && own.owner;
    if (!isHere) return living;
    const { machine } = isHere;
    const neighbours = living.filter((replica) => replica.machine === machine);
    return neighbours.length > 0 || replicas.silenceOf(machine) < machineSilenceMs ? neighbours : living;
  };
  return {
    assign(jobId) {
      const { id, machine } = chosenFor(jobId, replicas.living() ?? [self]) ?? self;
      return { owner: { replica: id, machine } };
    },
    isMine,
    async claim(jobId) {
      const job = await jobs.find(jobId);
      if (!job || isMine(job)) return job !== null;
      if (!mayTake(job)) return false;
      const owner = { replica: self.id, machine: self.machine };
      const taken = await jobs.change(jobId, (record) =>
        mayTake(record) ? { private: { owner }, events: [] } : null,
      );
      return taken !== null && isMine(taken);
    },
  };
}

/** The replica with the highest number for the job: when one goes, only its jobs move. */
function chosenFor(jobId: string, replicas: readonly Replica[]): Replica | undefined {
  const numberOf = ({ id }: Replica): string => createHash("sha256").update(`${jobId} ${id}`).digest("hex");
  return replicas
    .map((replica) => ({ replica, number: numberOf(replica) }))
    .sort((left, right) => (left.number < right.number ? 1 : -1))[0]?.replica;
}

/** A job store whose changes come to nothing once the job is another's. */
export function fencedJobs(jobs: JobStore, ownership: JobOwnership): JobStore {
  return {
    ...jobs,
    change: (jobId, decide, also) =>
      jobs.change(jobId, (record) => (ownership.isMine(record) ? decide(record) : null), also),
  };
}
