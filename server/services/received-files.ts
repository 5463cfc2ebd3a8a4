import type { Logger } from "pino";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import type { JobChange, JobEventDraft } from "../domain/job-state.ts";
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
  /** What came since the last write; the job has the sum of what came to all servers. */
  bytes: number;
  files: number;
  writtenAtMs: number;
  currentKey: string;
  sinceMs: number;
  /** How much had come to all servers when, over the last seconds, oldest first. */
  recent: { atMs: number; bytes: number }[];
  /** Writes what came since the last write. */
  timer: NodeJS.Timeout | null;
}

function newReceiving(sinceMs: number): Receiving {
  return { bytes: 0, files: 0, writtenAtMs: 0, currentKey: "", sinceMs, recent: [], timer: null };
}

/** Turns what arrives at the storage endpoint into events and progress of the job it belongs to. */
export function receivedFiles(options: ReceivedFilesOptions) {
  const receiving = new Map<string, Receiving>();
  const of = (jobId: string): Receiving => {
    const known = receiving.get(jobId);
    if (known) return known;
    const fresh = newReceiving(options.now());
    receiving.set(jobId, fresh);
    return fresh;
  };
  const write = async (jobId: string, state: Receiving, events: readonly JobEventDraft[]): Promise<void> => {
    if (state.timer) clearTimeout(state.timer);
    state.timer = null;
    state.writtenAtMs = options.now();
    const { bytes, files } = state;
    // What comes while this is written is added by the next write.
    Object.assign(state, { bytes: 0, files: 0 });
    const more = { bytes, files, events };
    await options.jobs
      .change(jobId, (job) => received(job, state, more, options.now()))
      .catch((error: unknown) => {
        state.bytes += bytes;
        state.files += files;
        throw error;
      });
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

function received(
  { wire }: JobRecord,
  state: Receiving,
  more: Pick<Receiving, "bytes" | "files"> & { events: readonly JobEventDraft[] },
  nowMs: number,
): JobChange | null {
  if (!wire.is_active) return null;
  const upload_progress = progressOf(state, more, wire.upload_progress, nowMs);
  return { wire: { upload_progress }, events: more.events };
}

function progressOf(
  { recent, sinceMs, currentKey }: Receiving,
  more: Pick<Receiving, "bytes" | "files">,
  before: Job["upload_progress"],
  nowMs: number,
): Job["upload_progress"] {
  const known = before?.stage === "receiving" ? before : null;
  const bytes = (known?.bytes_done ?? 0) + more.bytes;
  if (recent.length === 0) recent.push({ atMs: sinceMs, bytes: bytes - more.bytes });
  recent.push({ atMs: nowMs, bytes });
  while (recent.length > 2 && nowMs - (recent[1]?.atMs ?? nowMs) >= rateOverMs) recent.shift();
  const [from = { atMs: nowMs, bytes }] = recent;
  const seconds = Math.max(0.001, (nowMs - from.atMs) / 1_000);
  return {
    stage: "receiving",
    files_done: (known?.files_done ?? 0) + more.files,
    files_total: null,
    bytes_done: bytes,
    bytes_total: null,
    bytes_per_second: Math.round((bytes - from.bytes) / seconds),
    eta_seconds: null,
    current_file: currentKey,
    updated_at: new Date(nowMs).toISOString(),
  };
}
