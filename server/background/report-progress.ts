import type { Logger } from "pino";
import type { RunRequest } from "../adapters/providers/provider.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import { type PackagingProgress, progressMeter } from "../packaging/progress-meter.ts";

/** What reporting needs. */
export interface ReportOptions {
  jobs: Pick<JobStore, "change">;
  now: () => number;
  log: Pick<Logger, "warn">;
}

/**
 * Writes how far packing or uploading is to the job, one write at a time; a newer figure replaces one that waits, and
 * nothing is written once the provider holds the run.
 */
export function progressWriter(
  options: ReportOptions,
  job: JobRecord,
): (progress: PackagingProgress) => void {
  let next: PackagingProgress | null = null;
  let writing = false;
  const write = async (): Promise<void> => {
    writing = true;
    while (next) {
      const progress = next;
      next = null;
      const upload_progress = { ...progress, updated_at: new Date(options.now()).toISOString() };
      await options.jobs.change(job.wire.job_id, (record) =>
        isBeforeRun(record, job) ? { wire: { upload_progress }, events: [] } : null,
      );
    }
  };
  return (progress) => {
    next = progress;
    if (writing) return;
    void write()
      .catch((error: unknown) =>
        options.log.warn({ err: error, job_id: job.wire.job_id }, "progress was not stored"),
      )
      .finally(() => (writing = false));
  };
}

/** Turns what a provider tells of an upload into progress: bytes, their rate and the time left. */
export function uploadReporter(options: ReportOptions, job: JobRecord): NonNullable<RunRequest["onUpload"]> {
  const meter = progressMeter(progressWriter(options, job));
  let before = 0;
  let of = -1;
  return ({ sent, total, file }) => {
    // Another total is another upload, and less than before is one that begins anew.
    if (total !== of || sent < before) {
      meter.start("uploading", null, total);
      [before, of] = [0, total];
    }
    meter.advance(0, sent - before, file);
    before = sent;
    if (sent >= total) meter.finish();
  };
}

function isBeforeRun(record: JobRecord, job: JobRecord): boolean {
  return (
    record.private.runToken === job.private.runToken &&
    !record.private.handedOver &&
    (record.wire.status === "uploading" || record.wire.status === "queued")
  );
}
