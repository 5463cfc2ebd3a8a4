import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobEventDraft } from "../domain/job-state.ts";
import { artifactKind, artifactStep } from "../domain/run-files.ts";

/** How often a job's receiving progress is written. */
const writeEveryMs = 1_000;

/** What following received files needs. */
export interface ReceivedFilesOptions {
  jobs: JobStore;
  now: () => number;
}

interface Receiving {
  bytes: number;
  files: number;
  startedAtMs: number;
  writtenAtMs: number;
  currentKey: string;
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
      startedAtMs: options.now(),
      writtenAtMs: 0,
      currentKey: "",
    };
    receiving.set(jobId, fresh);
    return fresh;
  };
  const write = async (jobId: string, state: Receiving, events: readonly JobEventDraft[]): Promise<void> => {
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
      if (options.now() - state.writtenAtMs >= writeEveryMs) await write(jobId, state, []);
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
      await write(jobId, state, eventsOf(key, sizeBytes));
    },
    /** The job is over. */
    forget(jobId: string): void {
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
  const seconds = Math.max(0.001, (nowMs - state.startedAtMs) / 1_000);
  return {
    stage: "receiving",
    files_done: state.files,
    files_total: null,
    bytes_done: state.bytes,
    bytes_total: null,
    bytes_per_second: Math.round(state.bytes / seconds),
    eta_seconds: null,
    current_file: state.currentKey,
    updated_at: new Date(nowMs).toISOString(),
  };
}
