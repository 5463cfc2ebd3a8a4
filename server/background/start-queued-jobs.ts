import type { Logger } from "pino";
import { activeStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import type { WaitingJobStore } from "../db/stores/job-list.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { beginWork } from "../domain/job-state.ts";
import { newRunToken } from "./drive-run.ts";

/** What the queue needs. */
export interface QueueOptions {
  jobs: JobStore;
  waiting: WaitingJobStore;
  counts: JobCountStore;
  settings: SettingStore;
  driveRun: (jobId: string, stopping: AbortSignal, cancelled: AbortSignal) => Promise<void>;
  stopping: AbortSignal;
  now: () => number;
  log: Logger;
}

/** Jobs looked at when the waiting line is read. */
const candidates = 50;
/** A missed wake-up is made good after this long. */
const lookAnywayMs = 30_000;
/** Driving that failed unexpectedly (a database hiccup) is tried again after this long. */
const driveAgainMs = 5_000;

/** Starts waiting jobs, oldest first, as long as fewer than the limit are under way, and drives each to its end. */
export function jobQueue(options: QueueOptions) {
  const driven = new Map<string, { cancel: AbortController; done: Promise<void> }>();
  let looking: Promise<void> | null = null;
  let lookAgain = false;
  const timer = setInterval(() => wake(), lookAnywayMs).unref();
  options.stopping.addEventListener("abort", () => clearInterval(timer), { once: true });

  const drive = (jobId: string): void => {
    if (driven.has(jobId) || options.stopping.aborted) return;
    const cancel = new AbortController();
    const done = options
      .driveRun(jobId, options.stopping, cancel.signal)
      .then(() => true)
      .catch((error: unknown) => {
        if (options.stopping.aborted) return true;
        options.log.error({ err: error, job_id: jobId }, "driving the job was interrupted, trying again");
        return false;
      })
      .then((settled) => {
        driven.delete(jobId);
        if (!settled) setTimeout(() => drive(jobId), driveAgainMs).unref();
        wake();
      });
    driven.set(jobId, { cancel, done });
  };

  const runOnce = async (): Promise<void> => {
    if (await startWaiting(options, drive)) lookAgain = true;
  };

  const wake = (): void => {
    lookAgain = true;
    if (looking || options.stopping.aborted) return;
    looking = (async () => {
      while (lookAgain && !options.stopping.aborted) {
        lookAgain = false;
        await runOnce().catch((error: unknown) =>
          options.log.error({ err: error }, "the queue could not look for waiting jobs"),
        );
      }
      looking = null;
    })();
  };

  return {
    wake,
    runOnce,
    /** Drives a job that was under way when the server last stopped. */
    drive,
    /** Stops a job that is under way: packaging at once, a run through its provider. */
    stopRun(jobId: string): void {
      driven.get(jobId)?.cancel.abort(new Error("cancelled"));
    },
    /** Resolves when nothing is driven any more; runs themselves may go on. */
    async settled(): Promise<void> {
      await looking;
      await Promise.all([...driven.values()].map(({ done }) => done));
    },
  };
}

/** See {@link jobQueue}. */
export type JobQueue = ReturnType<typeof jobQueue>;

/** Begins waiting jobs up to the limit; true when more may wait than were looked at. */
async function startWaiting(options: QueueOptions, drive: (jobId: string) => void): Promise<boolean> {
  const limit = await options.settings.get("maxConcurrentJobs");
  const waiting = await options.waiting.waiting(candidates);
  for (const jobId of waiting) {
    if (options.stopping.aborted || (await underWay(options.counts)) >= limit) return false;
    const runToken = newRunToken();
    const job = await options.jobs.change(jobId, (record) => beginWork(record, runToken, options.now()));
    if (job?.private.runToken === runToken) drive(jobId);
  }
  return waiting.length === candidates;
}

async function underWay(counts: JobCountStore): Promise<number> {
  const byStatus = await counts.byStatus({});
  return activeStatuses
    .filter((status) => status !== "pending")
    .reduce((sum, status) => sum + (byStatus[status] ?? 0), 0);
}
