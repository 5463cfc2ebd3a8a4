import type { Job } from "@simpletuner-cloud/contract/jobs.ts";

/** How far a job is, 0 to 100: of its steps while it trains, of its bytes while it is packaged; else null. */
export function jobPercent(job: Job): number | null {
  if (job.status === "completed") return 100;
  if (job.status === "uploading") return transferPercent(job);
  return job.progress?.percent ?? null;
}

/** Share of the dataset's bytes already packaged, 0 to 100, or null while the total is not known. */
export function transferPercent(job: Job): number | null {
  const sent = job.upload_progress;
  if (!sent?.bytes_total) return null;
  return Math.min(100, (100 * sent.bytes_done) / sent.bytes_total);
}

/** Seconds until what the job does now is done: its packaging, or its training; null when nobody knows. */
export function secondsLeft(job: Job): number | null {
  return (job.status === "uploading" ? job.upload_progress : job.progress)?.eta_seconds ?? null;
}

/** How long the job ran or has been running in seconds, or null before it started. */
export function runSeconds(job: Job, nowMs: number): number | null {
  if (!job.started_at) return null;
  if (job.duration_seconds !== null && job.is_terminal) return job.duration_seconds;
  const end = job.completed_at ? Date.parse(job.completed_at) : nowMs;
  return Math.max(0, Math.round((end - Date.parse(job.started_at)) / 1000));
}
