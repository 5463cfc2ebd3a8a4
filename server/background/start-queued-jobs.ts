import type { Logger } from "pino";
import { activeStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import type { WaitingJobStore } from "../db/stores/job-list.ts";
import type { AlsoWrite, JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { beginWork } from "../domain/job-state.ts";
import type { JobOwnership } from "../services/job-ownership.ts";
import { newRunToken } from "./drive-run.ts";
import { errorType } from "../domain/trace.ts";
import { inWork, newCorrelationId } from "../domain/work-scope.ts";
import { inRound, type LoopOptions } from "./loop.ts";

/** What the queue needs. */
export interface QueueOptions {
  jobs: JobStore;
  waiting: WaitingJobStore;
  counts: JobCountStore;
  settings: SettingStore;
  /** Resolves once there is nothing to drive any more for this server; `left`: for now. */
  driveRun: (jobId: string, stopping: AbortSignal, cancelled: AbortSignal) => Promise<void | "left">;
  ownership: JobOwnership;
  lead: QueueLead;
  stopping: AbortSignal;
  now: () => number;
  log: Logger;
  traces?: LoopOptions["traces"];
}

/** Of several servers one starts waiting jobs. */
export interface QueueLead {
  isLeading(): boolean;
  /** Throws in the transaction that starts a job when somebody else leads by now. */
  guard?: AlsoWrite;
}

/** Jobs looked at when the waiting line is read. */
const candidates = 50;
/** A missed wake-up is made good after this long. */
const lookAnywayMs = 30_000;
/** Driving that failed unexpectedly (a database hiccup) is tried again after this long. */
const driveAgainMs = 5_000;
/** A job that this server had to leave is offered to it again after this long. */
const offerAgainMs = 1_000;

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
    // Each step of a run is in the trace of its job, not in that of whoever had the queue look.
    const about = { jobId, correlationId: newCorrelationId(), step: "driving the job", span: undefined };
    const done = inWork(about, () => options.driveRun(jobId, options.stopping, cancel.signal))
      .catch((error: unknown) => {
        if (options.stopping.aborted) return undefined;
        options.log.error({ err: error, job_id: jobId }, "driving the job was interrupted, trying again");
        return "broken" as const;
      })
      .then((end) => {
        driven.delete(jobId);
        if (end === "broken") setTimeout(() => drive(jobId), driveAgainMs).unref();
        if (end === "left") setTimeout(() => void offer(jobId).catch(() => undefined), offerAgainMs).unref();
        wake();
      });
    driven.set(jobId, { cancel, done });
  };

  const offer = async (jobId: string): Promise<void> => {
    if (!driven.has(jobId) && (await options.ownership.claim(jobId))) drive(jobId);
  };

  const runOnce = async (): Promise<void> => {
    if (options.lead.isLeading() && (await startWaiting(options, drive))) lookAgain = true;
  };

  const wake = (): void => {
    lookAgain = true;
    if (looking || options.stopping.aborted) return;
    looking = (async () => {
      while (lookAgain && !options.stopping.aborted) {
        lookAgain = false;
        await oneLook(options, runOnce);
      }
      looking = null;
    })();
  };

  return {
    wake,
    runOnce,
    /** Drives a job that is under way if that is this server's to do: after a start, or another server's end. */
    offer,
    /** Stops a job that is under way: packaging at once, a run through its provider. */
    stopRun(jobId: string): void {
      driven.get(jobId)?.cancel.abort(new Error("cancelled"));
    },
    /** Resolves when no waiting job is being started. */
    async rested(): Promise<void> {
      await looking;
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

/** One look at the waiting line, in a trace of its own; one that fails is made good by the next. */
function oneLook({ traces = null, log }: QueueOptions, look: () => Promise<void>): Promise<void> {
  return inRound("starting waiting jobs", traces, async (span) => {
    await look().catch((error: unknown) => {
      span?.fail(errorType(error));
      log.error({ err: error }, "the queue could not look for waiting jobs");
    });
  });
}

/** Begins waiting jobs up to the limit; true when more may wait than were looked at. */
async function startWaiting(options: QueueOptions, drive: (jobId: string) => void): Promise<boolean> {
  const limit = await options.settings.get("maxConcurrentJobs");
  const waiting = await options.waiting.waiting(candidates);
  for (const jobId of waiting) {
    if (options.stopping.aborted || (await underWay(options.counts)) >= limit) return false;
    const runToken = newRunToken();
    const job = await options.jobs.change(
      jobId,
      (record) => beginWork(record, runToken, options.now(), options.ownership.assign(jobId)),
      options.lead.guard,
    );
    if (job?.private.runToken === runToken && options.ownership.isMine(job)) drive(jobId);
  }
  return waiting.length === candidates;
}

async function underWay(counts: JobCountStore): Promise<number> {
  const byStatus = await counts.byStatus({});
  return activeStatuses
    .filter((status) => status !== "pending")
    .reduce((sum, status) => sum + (byStatus[status] ?? 0), 0);
}
