import { setTimeout as delay } from "node:timers/promises";
import type { ConfigRepository } from "@simpletuner-cloud/contract/config-versions.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Job, JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { preSubmitEndpoints, UploadProgress } from "@simpletuner-cloud/contract/pre-submit.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { Handlers, StreamMessage } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import type { UploadIds } from "./upload-ids.ts";

/** What the questions before a submit need. */
export interface PreSubmitOptions {
  jobs: JobStore;
  files: ConfigFiles;
  findProvider: (id: string) => Provider;
  uploads: UploadIds;
  repositoryState: () => Promise<ConfigRepository>;
  maxStreams: number;
  now: () => number;
}

const everyMs = 500;
/** A stream that was opened before its submit waits for it so long. */
const waitForSubmitMs = 120_000;
/** Jobs looked through for an upload's name after a start. */
const mostLooked = 1_000;
const beforeRun: readonly JobStatus[] = ["pending", "uploading", "queued"];

/** What a form asks before it submits, and while what it submitted is on its way. */
export function preSubmitService(options: PreSubmitOptions): Handlers<typeof preSubmitEndpoints> {
  const streams = { open: 0 };
  return {
    async preSubmitCheck({ query }) {
      const state = await options.repositoryState();
      const name = query.config_name ?? null;
      const run = name === null ? null : (await options.files.load(name)).config["tracker_run_name"];
      return {
        git_available: state.git_available,
        repo_present: state.repo_present,
        is_dirty: state.dirty_count > 0,
        dirty_count: state.dirty_count,
        dirty_paths: state.dirty_paths,
        current_commit: state.commit,
        current_abbrev: state.commit?.slice(0, 7) ?? null,
        current_branch: state.branch,
        snapshot_on_submit: state.snapshot_on_submit,
        tracker_run_name: typeof run === "string" ? run : null,
        config_name: name,
      };
    },
    async hardwareOptions({ query }) {
      const { name, hardware, unavailable_reason } = await options
        .findProvider(query.provider ?? "replicate")
        .describe();
      return {
        hardware: hardware.map((each) => ({
          id: each.id,
          name: each.name,
          cost_per_second: each.cost_per_hour_usd === null ? null : perSecond(each.cost_per_hour_usd),
          cost_per_hour: each.cost_per_hour_usd,
          available: unavailable_reason === null,
        })),
        default_hardware: hardware[0]?.id ?? null,
        message: unavailable_reason ?? `Prices of ${name} in US dollars.`,
      };
    },
    async uploadProgress({ params }, { caller, closed }) {
      if (streams.open >= options.maxStreams) throw fail("too_many_streams", { limit: options.maxStreams });
      return progressMessages(options, streams, caller, params.upload_id, closed);
    },
  };
}

async function* progressMessages(
  options: PreSubmitOptions,
  streams: { open: number },
  caller: Caller,
  uploadId: string,
  closed: AbortSignal,
): AsyncGenerator<StreamMessage> {
  streams.open++;
  try {
    let jobId = await earlierJob(options, caller, uploadId);
    const giveUpAt = performance.now() + waitForSubmitMs;
    while (!closed.aborted) {
      jobId ??= await options.uploads.find(caller.userId, uploadId);
      if (jobId === null && performance.now() > giveUpAt) throw fail("job_not_found", { job_id: uploadId });
      const job = jobId === null ? null : (await accessibleJob(options.jobs, caller, jobId, "view")).wire;
      const progress = uploadProgressOf(job, options.now());
      yield { event: "message", data: JSON.stringify(progress) };
      if (progress.done) return;
      await delay(everyMs, undefined, { signal: closed }).catch(() => undefined);
    }
  } finally {
    streams.open--;
  }
}

/** The job that an id already means: its own id, or the name that its submit gave. */
async function earlierJob(
  { jobs, uploads }: PreSubmitOptions,
  caller: Caller,
  uploadId: string,
): Promise<string | null> {
  const known = await uploads.find(caller.userId, uploadId);
  if (known !== null) return known;
  const own = await accessibleJob(jobs, caller, uploadId, "view").catch(() => null);
  if (own) return uploadId;
  // A name that the state has lost is with its job, as long as that is still on its way.
  const waiting = await jobs.inStatus(beforeRun, mostLooked);
  const found = waiting.find(
    ({ wire }) => wire.user_id === caller.userId && wire.metadata["upload_id"] === uploadId,
  );
  return found?.wire.job_id ?? null;
}

const words: Record<UploadProgress["stage"], string> = {
  scanning: "Reading the folders",
  packaging: "Packaging the datasets",
  uploading: "Sending the datasets",
  complete: "The datasets have arrived",
  error: "The datasets were not sent",
};

/** How far a job's datasets are; null is a submit that has not come yet. */
export function uploadProgressOf(job: Job | null, nowMs: number): UploadProgress {
  const sent = job?.upload_progress ?? null;
  const stage = stageOf(job);
  const over = stage === "complete" || stage === "error";
  const total = sent?.bytes_total ?? 0;
  const current = sent?.bytes_done ?? 0;
  return {
    stage,
    current,
    total,
    percent:
      stage === "complete" ? 100 : total > 0 ? Math.min(100, Math.round((1000 * current) / total) / 10) : 0,
    message: job === null || job.status === "pending" ? "Waiting for its turn" : words[stage],
    done: over,
    error: stage === "error" ? (job?.error_message ?? "The job was cancelled.") : null,
    updated_at: sent?.updated_at ?? new Date(nowMs).toISOString(),
    job_id: job?.job_id ?? null,
    bytes_per_second: over ? 0 : (sent?.bytes_per_second ?? 0),
    eta_seconds: over ? null : (sent?.eta_seconds ?? null),
    current_file: over ? null : (sent?.current_file ?? null),
  };
}

function stageOf(job: Job | null): UploadProgress["stage"] {
  if (job === null || job.status === "pending") return "scanning";
  if (job.status === "failed" || job.status === "cancelled") return "error";
  if (!beforeRun.includes(job.status)) return "complete";
  const stage = job.upload_progress?.stage;
  if (stage === "scanning" || stage === "packaging" || stage === "uploading") return stage;
  return job.status === "queued" ? "uploading" : stage === "complete" ? "packaging" : "scanning";
}

/** Dollars of a second, to the billionth. */
function perSecond(perHour: number): number {
  return Math.round((perHour / 3_600) * 1e9) / 1e9;
}
