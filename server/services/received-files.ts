import type { Logger } from "pino";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobEventDraft } from "../domain/job-state.ts";
import { artifactKind, artifactStep } from "../domain/run-files.ts";

/** How often a job's receiving progress is written. */
const writeEveryMs = 1_000;
/** The rate is that of the last seconds. */
const rateOverMs = 10_000;

/** What following received files needs. */
export interface ReceivedFilesOptions {
  jobs: JobStore;
  /** Called when a checkpoint has arrived. */
  pruneCheckpoints: (jobId: string) => Promise<void>;
  now: () => number;
  log: Pick<Logger, "warn">;
}

interface Receiving {
  bytes: number;
  files: number;
  writtenAtMs: number;
  currentKey: string;
  /** What had come when, over the last seconds, oldest first. */
  recent: { atMs: number; bytes: number }[];
  /** Writes what came since the last write. */
  timer: NodeJS.Timeout | null;
}

/** Turns what arrives at the storage endpoint into events and progress of the job it belongs to. */
export function receivedFiles(options: ReceivedFilesOptions) {
  const receiving = new Map<string, Receiving>();
  const of = (jobId: string): Receiving => {
    const known = receiving.get(jobId);
    if (known) return known;
    const fresh = {
      bytes: 0,
      files: 0,
      writtenAtMs: 0,
      currentKey: "",
      recent: [{ atMs: options.now(), bytes: 0 }],
      timer: null,
    };
    receiving.set(jobId, fresh);
    return fresh;
  };
  const write = async (jobId: string, state: Receiving, events: readonly JobEventDraft[]): Promise<void> => {
    if (state.timer) clearTimeout(state.timer);
    state.timer = null;
    state.writtenAtMs = options.now();
    await options.jobs.change(jobId, (job) =>
      job.wire.is_active ? { wire: { upload_progress: progressOf(state, options.now()) }, events } : null,
    );
  };
  return {
    /** `bytes` more of an object have come in. */
    async onProgress({ jobId, key, bytes }: { jobId: string; key: string; bytes: number }): Promise<void> {
      const state = of(jobId);
      state.bytes += bytes;
      state.currentKey = key;
      const sinceWriteMs = options.now() - state.writtenAtMs;
      if (sinceWriteMs >= writeEveryMs) return write(jobId, state, []);
      state.timer ??= setTimeout(() => {
        write(jobId, state, []).catch((error: unknown) =>
          options.log.warn({ err: error, job_id: jobId }, "receiving progress was not stored"),
        );
      }, writeEveryMs - sinceWriteMs).unref();
    },
    /** An object is whole; `key` is below the job's area. */
    async onStored({
      jobId,
      key,
      sizeBytes,
    }: {
      jobId: string;
      key: string;
      sizeBytes: number;
    }): Promise<void> {
      const state = of(jobId);
      state.files += 1;
      state.currentKey = key;
      const events = eventsOf(key, sizeBytes);
      await write(jobId, state, events);
      if (events.some(({ type }) => type === "job.checkpoint")) await options.pruneCheckpoints(jobId);
    },
    /** The job is over. */
    forget(jobId: string): void {
      const state = receiving.get(jobId);
      if (state?.timer) clearTimeout(state.timer);
      receiving.delete(jobId);
    },
  };
}

/** See {@link receivedFiles}. */
export type ReceivedFiles = ReturnType<typeof receivedFiles>;

function eventsOf(key: string, sizeBytes: number): JobEventDraft[] {
  const kind = artifactKind(key);
  const step = artifactStep(key);
  if (kind === "sample") return [{ type: "job.sample", data: { step, key } }];
  // Of a checkpoint's files the weights tell that it has arrived.
  if (kind === "checkpoint")
    return /weights\.safetensors$|(^|\/)model\.safetensors$/.test(key)
      ? [{ type: "job.checkpoint", data: { step, key } }]
      : [];
  return kind === "model" ? [{ type: "job.artifact", data: { key, size_bytes: sizeBytes, kind } }] : [];
}

function progressOf(state: Receiving, nowMs: number): Job["upload_progress"] {
  const { recent } = state;
  recent.push({ atMs: nowMs, bytes: state.bytes });
  while (recent.length > 2 && nowMs - (recent[1]?.atMs ?? nowMs) >= rateOverMs) recent.shift();
  const [from = { atMs: nowMs, bytes: 0 }] = recent;
  const seconds = Math.max(0.001, (nowMs - from.atMs) / 1_000);
  return {
    stage: "receiving",
    files_done: state.files,
    files_total: null,
    bytes_done: state.bytes,
    bytes_total: null,
    bytes_per_second: Math.round((state.bytes - from.bytes) / seconds),
    eta_seconds: null,
    current_file: state.currentKey,
    updated_at: new Date(nowMs).toISOString(),
  };
}
