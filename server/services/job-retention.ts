import type { queueEndpoints } from "@simpletuner-cloud/contract/queue.ts";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { EndedJobStore } from "../db/stores/ended-jobs.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { archivesIn, writeArchive } from "./archive-files.ts";
import type { Handlers } from "./handler.ts";
import type { JobSnapshots } from "./job-snapshots.ts";

const dayMs = 24 * 3_600_000;
/** Jobs of one archive. */
const jobsOfFile = 200;
/** Pieces of a log and events that are read at once. */
const piecesAtOnce = 200;

/** What keeping jobs for a while needs. */
export interface JobRetentionOptions extends Pick<Stores, "jobs" | "events" | "logs" | "serverEvents"> {
  endedJobs: EndedJobStore;
  snapshots: JobSnapshots;
  /** Days that jobs stay after their end; null keeps them for ever. */
  jobRetentionDays: number | null;
  archiveFolder: string;
  /** Removes what a provider still holds of a job's runs. */
  forgetRun: (jobId: string) => Promise<void>;
  now: () => number;
}

/** What is asked to be pruned. */
export interface PruneRequest {
  days: number;
  statuses?: readonly (typeof terminalStatuses)[number][];
  by: string;
  signal?: AbortSignal;
}

/**
 * Takes jobs that were over so many days ago out of the database, with their logs, values and history, once all of it lies in
 * an archive on the disk. Jobs under way are never touched, and neither are stored outputs. A crash in between archives a
 * job once more and loses none.
 */
export function jobRetention(options: JobRetentionOptions) {
  const { endedJobs, serverEvents, archiveFolder, now } = options;
  return {
    async prune({ days, statuses = terminalStatuses, by, signal }: PruneRequest): Promise<number> {
      const beforeMs = now() - days * dayMs;
      let deleted = 0;
      for (;;) {
        if (signal?.aborted) break;
        const ids = await endedJobs.idsBefore(beforeMs, jobsOfFile, statuses);
        if (ids.length === 0) break;
        const file = `jobs-${new Date(now()).toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${ids[0]}.jsonl.gz`;
        await writeArchive(archiveFolder, file, recordsOf(options, ids));
        let removed = 0;
        for (const id of ids) if (await removeEnded(options, id, beforeMs)) removed++;
        if (removed === 0) break;
        deleted += removed;
        await serverEvents.append("jobs.pruned", { jobs: removed, older_than_days: days, file, by });
      }
      return deleted;
    },
  };
}

/** See {@link jobRetention}. */
export type JobRetention = ReturnType<typeof jobRetention>;

/** Everything that is stored of each job, its secrets hidden: first the job, then the pieces that belong to it. */
async function* recordsOf(options: JobRetentionOptions, ids: readonly string[]): AsyncGenerator<unknown> {
  for (const job_id of ids) {
    const job = await options.jobs.find(job_id);
    if (!job) continue;
    const inputs = await options.snapshots.shown(job_id).catch(() => null);
    yield { kind: "job", job_id, job: job.wire, inputs };
    for (let after = 0; ;) {
      const events = await options.events.ofJob(job_id, after, piecesAtOnce);
      for (const event of events) yield { kind: "event", ...event };
      const last = events.at(-1);
      if (!last || events.length < piecesAtOnce) break;
      after = last.id;
    }
    const metrics = await options.endedJobs.metricsOf(job_id);
    if (metrics.length > 0) yield { kind: "metrics", job_id, metrics };
    for (let from = 0; ;) {
      const pieces = await options.logs.pieces(job_id, from, piecesAtOnce);
      for (const piece of pieces) yield { kind: "log", job_id, ...piece };
      const last = pieces.at(-1);
      if (!last || pieces.length < piecesAtOnce) break;
      from = last.firstLine + last.lineCount;
    }
  }
}

async function removeEnded(
  { jobs, forgetRun }: JobRetentionOptions,
  id: string,
  beforeMs: number,
): Promise<boolean> {
  const job = await jobs.find(id);
  if (!job?.wire.is_terminal || Date.parse(job.wire.completed_at ?? "") >= beforeMs) return false;
  await forgetRun(id);
  // Refused when something was written to the job since it was read: the next round archives that too.
  return jobs.remove(job);
}

/** What is kept how long, and taking out what is older. */
export function retentionHandlers(
  options: JobRetentionOptions & { retention: JobRetention },
): Pick<Handlers<typeof queueEndpoints>, "retention" | "cleanup"> {
  const { endedJobs, jobRetentionDays: days, archiveFolder, now } = options;
  return {
    async retention() {
      return {
        days,
        due: days === null ? 0 : await endedJobs.countBefore(now() - days * dayMs),
        ended: await endedJobs.countBefore(Number.MAX_SAFE_INTEGER),
        archives: await archivesIn(archiveFolder, "jobs-"),
        archive_folder: archiveFolder,
      };
    },
    async cleanup({ query }, { caller }) {
      const { days: asked = 30, status, dry_run } = query;
      const statuses = status === undefined ? terminalStatuses : [status];
      const deleted =
        dry_run === true
          ? await endedJobs.countBefore(now() - asked * dayMs, statuses)
          : await options.retention.prune({ days: asked, statuses, by: caller.userId });
      return { success: true, deleted, days: asked, dry_run: dry_run === true };
    },
  };
}
