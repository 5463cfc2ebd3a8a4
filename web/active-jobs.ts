import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call } from "./api.ts";
import { newerJob, onEvent, rememberJobs, streamOpened, streamReady } from "./live.ts";

const known = signal<ReadonlyMap<string, Job>>(new Map());
const loadedOnce = signal(false);

/** True once the active jobs were loaded, so that "none" means none. */
export const activeJobsKnown: ReadonlySignal<boolean> = loadedOnce;

/** Jobs that still move, running ones first, then by age; kept current by events, at most 200. */
export const activeJobs: ReadonlySignal<readonly Job[]> = computed(() =>
  [...known.value.values()].sort(
    (one, other) => rank(one) - rank(other) || one.created_at.localeCompare(other.created_at),
  ),
);

/** Jobs that wait in the queue, the next one to start first. */
export const waitingJobs: ReadonlySignal<readonly Job[]> = computed(() => {
  const place = (job: Job): number => job.queue_position ?? Number.MAX_SAFE_INTEGER;
  return activeJobs.value
    .filter((job) => job.status === "pending")
    .sort((one, other) => place(one) - place(other));
});

const rank = (job: Job): number => ["running", "queued", "uploading", "pending"].indexOf(job.status);

function update(job: Job): void {
  const next = new Map(known.value);
  const newest = newerJob(next.get(job.job_id) ?? null, job);
  if (newest.is_active) next.set(job.job_id, newest);
  else next.delete(job.job_id);
  known.value = next;
}

async function load(): Promise<void> {
  try {
    const { jobs } = await call("GET /api/cloud/jobs", { query: { status: "active", limit: 200 } });
    rememberJobs(jobs);
    known.value = new Map(
      jobs.map((job) => [job.job_id, newerJob(known.value.get(job.job_id) ?? null, job)]),
    );
    loadedOnce.value = true;
  } catch {
    // Told by the connection banner or the page; the next opening of the stream loads again.
  }
}

/** Starts keeping {@link activeJobs}; call once. */
export function followActiveJobs(): void {
  onEvent("*", (event) => {
    if (event.job) update(event.job);
    else if (event.type === "job.progress") mergeProgress(event.job_id, event.data as Partial<Job>);
    else if (event.type === "job.deleted" && event.job_id) remove(event.job_id);
  });
  let timer = 0;
  onEvent(["job.created", "job.status", "job.deleted"], () => {
    const somebodyWaits = activeJobs.peek().some((job) => job.status === "pending");
    if (!somebodyWaits || timer !== 0) return;
    // A start moves everybody behind it up, and that is no event of theirs.
    timer = window.setTimeout(() => {
      timer = 0;
      void load();
    }, 500);
  });
  void streamReady().then(() => {
    const openings = streamOpened.peek();
    void load();
    streamOpened.subscribe((opened) => {
      if (opened > openings) void load();
    });
  });
}

function remove(jobId: string): void {
  const next = new Map(known.value);
  next.delete(jobId);
  known.value = next;
}

function mergeProgress(jobId: string | null, data: Partial<Job>): void {
  const job = jobId ? known.value.get(jobId) : undefined;
  if (!job) return;
  const progress = data.progress ?? job.progress;
  update({ ...job, progress, upload_progress: data.upload_progress ?? job.upload_progress });
}
