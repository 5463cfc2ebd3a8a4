import type { Logger } from "pino";
import type { JobStore } from "../db/stores/jobs.ts";
import type { Replicas } from "../services/replicas.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";
import type { JobQueue } from "./start-queued-jobs.ts";

/** What no news of another server's end led to is found after so long. */
const lookAnywayMs = 20_000;
/** More jobs than can be under way at any limit. */
const mostJobs = 100_000;

/** What taking up jobs needs. */
export interface TakeUpOptions {
  replicas: Replicas;
  jobs: Pick<JobStore, "owners">;
  queue: Pick<JobQueue, "offer">;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** See {@link takeUpJobs}. */
export interface TakeUpLoop extends Loop {
  /** Looks now, and once more when a look is under way. */
  wake(): void;
}

/** Drives on the jobs of this server that nothing here drives, and those whose server is gone. */
export function takeUpJobs({ replicas, jobs, queue, log, stopping, traces }: TakeUpOptions): TakeUpLoop {
  let isWanted = false;
  const look = async (): Promise<void> => {
    const living = replicas.living();
    if (living === null) return;
    for (const { jobId, owner } of await jobs.owners(mostJobs)) {
      if (stopping.aborted) return;
      const isAnothers = owner?.replica !== replicas.self.id;
      if (owner && isAnothers && living.some(({ id }) => id === owner.replica)) continue;
      await queue.offer(jobId);
    }
  };
  const round = async (): Promise<void> => {
    do {
      isWanted = false;
      await look();
    } while (isWanted && !stopping.aborted);
  };
  const name = "taking up jobs of servers that are gone";
  const loop = startLoop({ name, everyMs: lookAnywayMs, round, log, stopping, traces });
  return {
    ...loop,
    wake() {
      isWanted = true;
      if (!stopping.aborted) void loop.runOnce();
    },
  };
}
