import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";

/** A point on a job's way: what was reached, is happening, or comes next. */
export interface Stage {
  key: "created" | "packaged" | "started" | "resumed" | "checkpoints" | "completed" | "failed" | "cancelled";
  state: "done" | "now" | "next";
  /** ISO instant at which it was reached, or is expected; null when not known. */
  at: string | null;
  /** Seconds since the point before it; null when one of the two is not known. */
  tookSeconds: number | null;
  /** Numbers of the point: files, bytes, attempt, step, count. */
  numbers: Readonly<Record<string, number>>;
}

type Draft = Omit<Stage, "tookSeconds">;

/** The way of a job from its history and its present state, in order of time. */
export function jobStages(job: Job, events: readonly JobEvent[]): Stage[] {
  const drafts = [
    draft("created", "done", job.created_at),
    ...packaging(job, events),
    ...starting(job),
    ...resumes(events),
    ...checkpoints(job, events),
    ...ending(job),
  ];
  return drafts.map((stage, index) => ({ ...stage, tookSeconds: secondsBetween(drafts[index - 1], stage) }));
}

function draft(
  key: Draft["key"],
  state: Draft["state"],
  at: string | null,
  numbers: Record<string, number> = {},
): Draft {
  return { key, state, at, numbers };
}

/** Only jobs whose datasets travel are packaged; those read in place never show it. */
function packaging(job: Job, events: readonly JobEvent[]): Draft[] {
  const packaged = events.findLast((event) => event.type === "job.packaged");
  if (packaged) return [draft("packaged", "done", packaged.at, numbersOf(packaged.data))];
  return job.status === "uploading" ? [draft("packaged", "now", null)] : [];
}

function starting(job: Job): Draft[] {
  if (job.started_at) return [draft("started", "done", job.started_at)];
  if (job.is_terminal) return [];
  return [draft("started", job.status === "queued" ? "now" : "next", null)];
}

function resumes(events: readonly JobEvent[]): Draft[] {
  return events
    .filter((event) => event.type === "job.attempt" && Number(event.data["attempt"]) > 1)
    .map((event) => draft("resumed", "done", event.at, numbersOf(event.data)));
}

function checkpoints(job: Job, events: readonly JobEvent[]): Draft[] {
  const saved = events.filter((event) => event.type === "job.checkpoint");
  const last = saved.at(-1);
  if (!last) return job.status === "running" ? [draft("checkpoints", "next", null, { count: 0 })] : [];
  const numbers = { ...numbersOf(last.data), count: saved.length };
  return [draft("checkpoints", job.status === "running" ? "now" : "done", last.at, numbers)];
}

function ending(job: Job): Draft[] {
  if (job.status === "completed" || job.status === "failed" || job.status === "cancelled") {
    return [draft(job.status, "done", job.completed_at)];
  }
  const { progress } = job;
  const isKnown = job.status === "running" && progress !== null && progress.eta_seconds !== null;
  const at = isKnown ? Date.parse(progress.updated_at) + (progress.eta_seconds ?? 0) * 1000 : Number.NaN;
  return [draft("completed", "next", Number.isFinite(at) ? new Date(at).toISOString() : null)];
}

function numbersOf(data: Readonly<Record<string, unknown>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(data).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

function secondsBetween(before: Draft | undefined, stage: Draft): number | null {
  if (!before?.at || !stage.at || stage.state === "next") return null;
  return Math.max(0, (Date.parse(stage.at) - Date.parse(before.at)) / 1000);
}
