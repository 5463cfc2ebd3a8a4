import type { artifactEndpoints, SafetensorsHeader } from "@simpletuner-cloud/contract/artifacts.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { ObjectStorage, ReadableObject } from "../adapters/storage/storage.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { outputsBucket } from "../domain/run-files.ts";
import {
  headerGuard,
  headerLength,
  HeaderProblem,
  parseSafetensorsHeader,
} from "../domain/safetensors-header.ts";
import { artifactArchive } from "./artifact-archive.ts";
import type { Handlers } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import { storagePath } from "./results.ts";

/** What the artifact use cases need. */
export interface ArtifactServiceOptions {
  jobs: JobStore;
  storage: ObjectStorage;
}

/** Looking into, archiving and deleting what a job delivered. */
export function artifactService(options: ArtifactServiceOptions): Handlers<typeof artifactEndpoints> {
  const { jobs, storage } = options;
  const readHeader = headerReader(storage);
  return {
    async artifactHeader({ params, query }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      return readHeader(params.job_id, checkedKey(query.key));
    },
    async artifactArchive({ params, query }, { caller }) {
      const { wire } = await accessibleJob(jobs, caller, params.job_id, "view");
      const folder = query.prefix === undefined ? "" : checkedFolder(query.prefix);
      const area = `${params.job_id}/`;
      const name = [wire.name, ...folder.split("/")].filter(Boolean).join("-");
      const archive = { area, prefix: area + folder, fileName: `${plainName(name)}.zip` };
      const download = await artifactArchive(storage, archive);
      if (download === null) throw fail("artifact_not_found", { key: folder || "yet" });
      return download;
    },
    async deleteArtifacts({ params, query }, { caller }) {
      const job = await accessibleJob(jobs, caller, params.job_id, "delete");
      const chosen = chosenFiles(query);
      if (job.wire.is_active) throw stillActive(job.wire.status);
      const found = await survey(storage, params.job_id, chosen);
      if (found.files === 0) throw fail("artifact_not_found", { key: chosen.name });
      await recordDeletion(jobs, params.job_id, { ...chosen, ...found, by: caller.userId });
      const stored = `${params.job_id}/${chosen.name}`;
      if (chosen.isFolder) await storage.deletePrefix(outputsBucket, stored);
      else await storage.deleteObject(outputsBucket, stored);
      return { success: true, deleted_files: found.files, deleted_bytes: found.bytes };
    },
  };
}

interface Chosen {
  /** Key or prefix below the job's area. */
  name: string;
  isFolder: boolean;
}

function chosenFiles({ key, prefix }: { key?: string; prefix?: string }): Chosen {
  if (key !== undefined && prefix === undefined) return { name: checkedKey(key), isFolder: false };
  if (prefix !== undefined && key === undefined) return { name: checkedFolder(prefix), isFolder: true };
  throw fail("validation_error", {
    field: key === undefined ? "key" : "prefix",
    problem: "Name either one file with key or one folder with prefix.",
  });
}

/** Refuses what a storage could take for a path that leads out of the job's area. */
function checkedKey(key: string): string {
  const hasStep = key.split("/").some((part) => part === "." || part === "..");
  if (hasStep || key.startsWith("/") || key.includes("\0"))
    throw fail("object_key_invalid", {
      problem: "Name a file below the job's own area, without . or .. in its path.",
    });
  return key;
}

/** `checkpoint-2` would also name every file of `checkpoint-200`. */
function checkedFolder(prefix: string): string {
  if (!prefix.endsWith("/"))
    throw fail("validation_error", {
      field: "prefix",
      problem: "Name a folder with its slash at the end, like checkpoint-200/.",
    });
  return checkedKey(prefix);
}

function stillActive(status: string) {
  return fail("invalid_job_state", { status, action: "deleting its files", allowed: terminalStatuses });
}

async function survey(
  storage: ObjectStorage,
  jobId: string,
  chosen: Chosen,
): Promise<{ files: number; bytes: number }> {
  const stored = `${jobId}/${chosen.name}`;
  if (chosen.isFolder) {
    const { objects, sizeBytes } = await storage.usage(outputsBucket, stored);
    return { files: objects, bytes: sizeBytes };
  }
  const object = await storage.headObject(outputsBucket, stored);
  return object === null ? { files: 0, bytes: 0 } : { files: 1, bytes: object.sizeBytes };
}

/**
 * Records the deletion before it is done: if the process dies between the two, the files are still there to be deleted
 * again, and none ever goes without a record.
 */
async function recordDeletion(
  jobs: JobStore,
  jobId: string,
  { name, isFolder, files, bytes, by }: Chosen & { files: number; bytes: number; by: string },
): Promise<void> {
  const stored = `${storagePath}/${outputsBucket}/${[jobId, ...name.split("/")].map(encodeURIComponent).join("/")}`;
  const record = await jobs.change(jobId, ({ wire }) => {
    if (wire.is_active) throw stillActive(wire.status);
    const url = wire.output_url;
    const isGone = url !== null && (isFolder ? url.startsWith(stored) : url === stored);
    return {
      ...(isGone ? { wire: { output_url: null } } : {}),
      events: [
        { type: "job.artifacts_deleted", data: { by, [isFolder ? "prefix" : "key"]: name, files, bytes } },
      ],
    };
  });
  if (record === null) throw fail("job_not_found", { job_id: jobId });
}

/** Longer headers are read one after the other: each may take some hundred megabytes while it is parsed. */
const ordinaryHeaderBytes = 2 << 20;

function headerReader(storage: ObjectStorage): (jobId: string, key: string) => Promise<SafetensorsHeader> {
  let lastLong: Promise<unknown> = Promise.resolve();
  const read = async (object: ReadableObject, key: string): Promise<SafetensorsHeader> => {
    const fileBytes = object.info.sizeBytes;
    const length = headerLength(await readBytes(object, 0, Math.min(8, fileBytes)), fileBytes);
    const parse = async () =>
      parseSafetensorsHeader(await readBytes(object, 8, length, headerGuard()), { key, fileBytes });
    if (length <= ordinaryHeaderBytes) return parse();
    const mine = lastLong.then(parse);
    lastLong = mine.catch(() => undefined);
    return mine;
  };
  return async (jobId, key) => {
    const object = await storage.getObject(outputsBucket, `${jobId}/${key}`);
    if (object === null) throw fail("artifact_not_found", { key });
    try {
      return await read(object, key);
    } catch (error) {
      if (!(error instanceof HeaderProblem)) throw error;
      throw fail("not_safetensors", { key, problem: error.message });
    } finally {
      await object.close();
    }
  };
}

async function readBytes(
  object: ReadableObject,
  start: number,
  length: number,
  look: (bytes: Uint8Array) => void = () => undefined,
): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  await object.read({ start, end: start + length }, async (chunk) => {
    look(chunk);
    bytes.set(chunk, filled);
    filled += chunk.length;
  });
  return bytes;
}

/** A name that every file system takes; letters of any script stay. */
function plainName(name: string): string {
  return name.replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "_").slice(0, 120);
}
