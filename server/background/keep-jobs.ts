import type { Logger } from "pino";
import type { JobRetention } from "../services/job-retention.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** A start is no reason to take anything out: first after an hour, then once a day (CONTRACT 2.14). */
const firstAfterMs = 3_600_000;
const everyMs = 24 * 3_600_000;

/** What the loop needs. */
export interface KeepJobsOptions {
  jobRetention: JobRetention;
  /** Null keeps jobs for ever. */
  jobRetentionDays: number | null;
  log: Pick<Logger, "info" | "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Archives jobs that ended long ago and takes them out. */
export function keepJobs({
  jobRetention,
  jobRetentionDays: days,
  log,
  stopping,
  traces,
}: KeepJobsOptions): Loop {
  const round = async (): Promise<void> => {
    if (days === null) return;
    const jobs = await jobRetention.prune({ days, by: "retention", signal: stopping });
    if (jobs > 0) log.info({ jobs, older_than_days: days }, "old jobs are in the archive");
  };
  const loop = startLoop({ name: "archiving old jobs", everyMs, round, log, stopping, traces });
  const first = setTimeout(() => void loop.runOnce(), firstAfterMs).unref();
  stopping.addEventListener("abort", () => clearTimeout(first), { once: true });
  return loop;
}
