import type { Logger } from "pino";
import type { ObjectInfo, ObjectStorage } from "../adapters/storage/storage.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import {
  checkpointLimit,
  checkpointsToDelete,
  type RetainedArtifact,
} from "../domain/checkpoint-retention.ts";
import { outputsBucket } from "../domain/run-files.ts";
import type { JobSnapshots } from "./job-snapshots.ts";

/** What retention needs. */
export interface CheckpointRetentionOptions {
  jobs: JobStore;
  snapshots: JobSnapshots;
  settings: SettingStore;
  storage: ObjectStorage;
  log: Logger;
}

/** Keeps the last checkpoints of each job and deletes older ones from the storage. */
export interface CheckpointRetention {
  /**
   * Deletes what is too much of a job's stored checkpoints. Never rejects: what could not be deleted now is too much
   * the next time, too.
   */
  prune(jobId: string): Promise<void>;
  /** Those of a job's files that need not be stored, since their checkpoint would be deleted at once. */
  unwanted(jobId: string, artifacts: readonly RetainedArtifact[]): Promise<ReadonlySet<string>>;
}

/** See {@link CheckpointRetention}. */
export function checkpointRetention(options: CheckpointRetentionOptions): CheckpointRetention {
  const turns = new Map<string, Promise<void>>();
  return {
    async prune(jobId) {
      const turn = (turns.get(jobId) ?? Promise.resolve()).then(() => prune(options, jobId));
      // A checkpoint that cannot be deleted must fail neither the upload nor the job.
      const settled = turn.catch((error: unknown) =>
        options.log.warn({ err: error, job_id: jobId }, "old checkpoints were not deleted"),
      );
      turns.set(jobId, settled);
      await settled;
      if (turns.get(jobId) === settled) turns.delete(jobId);
    },
    async unwanted(jobId, artifacts) {
      const limit = await limitOf(options, jobId);
      if (limit === null) return new Set();
      const stored = await storedCheckpoints(options.storage, jobId);
      return new Set(checkpointsToDelete([...stored.values(), ...artifacts], limit));
    },
  };
}

async function limitOf(
  { snapshots, settings }: CheckpointRetentionOptions,
  jobId: string,
): Promise<number | null> {
  const { config } = await snapshots.shown(jobId);
  return checkpointLimit(config, await settings.get("storageKeepCheckpoints"));
}

async function prune(options: CheckpointRetentionOptions, jobId: string): Promise<void> {
  const limit = await limitOf(options, jobId);
  if (limit === null) return;
  const stored = await storedCheckpoints(options.storage, jobId);
  const keys = checkpointsToDelete(stored.values(), limit);
  if (keys.length === 0) return;
  const bytes = keys.reduce((sum, key) => sum + (stored.get(key)?.sizeBytes ?? 0), 0);
  // Recorded first, so that no file ever goes without a record.
  const record = await options.jobs.change(jobId, () => ({
    events: [{ type: "job.artifacts_pruned", data: { files: keys.length, bytes, kept: limit } }],
  }));
  if (record === null) return;
  for (const key of keys) await options.storage.deleteObject(outputsBucket, `${jobId}/${key}`);
}

/** A job's stored files in checkpoint folders, by key below its area. */
async function storedCheckpoints(
  storage: ObjectStorage,
  jobId: string,
): Promise<Map<string, RetainedArtifact & Pick<ObjectInfo, "sizeBytes">>> {
  const prefix = `${jobId}/`;
  const found = new Map<string, RetainedArtifact & Pick<ObjectInfo, "sizeBytes">>();
  let after: string | null = "";
  while (after !== null) {
    const page = await storage.listObjects({ bucket: outputsBucket, prefix, after, maxKeys: 1_000 });
    for (const { key, sizeBytes, lastModifiedMs } of page.objects) {
      if (/(^|\/)checkpoint-\d+\//.test(key))
        found.set(key.slice(prefix.length), { key: key.slice(prefix.length), sizeBytes, lastModifiedMs });
    }
    after = page.next;
  }
  return found;
}
