import { createHash } from "node:crypto";
import { lstat, unlink } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type {
  Checksums,
  DeleteConditions,
  ObjectChange,
  ObjectInfo,
  PutObject,
  WriteConditions,
} from "../storage.ts";
import { type WriteAt, writeBody, type WrittenBody } from "./body-writer.ts";
import { isBlocked } from "./directories.ts";
import { type Disk, diskError } from "./disk.ts";
import type { KeyLock } from "./key-lock.ts";
import { assertKey } from "./object-key.ts";
import { currentRecord, type ReadingParts } from "./object-reading.ts";
import type { OpenFile } from "./open-file.ts";
import { type FileIdentity, fileIdentity, type ObjectRecord, recordInfo } from "./object-records.ts";

/** The free space is asked for again after so many written bytes. */
const spaceCheckBytes = 64 * 1024 * 1024;

/** Closing a file up to this size takes no time. */
const smallBytes = 1024 * 1024;

/** A finished file that waits to become an object. */
export interface FinishedFile {
  bucket: string;
  key: string;
  path: string;
  identity: FileIdentity;
  /** Resolves when the bytes are on the disk, where that matters. */
  flushed: Promise<void>;
  record: Omit<ObjectRecord, "inode" | "modifiedNs" | "sizeBytes">;
  conditions?: WriteConditions | undefined;
}

/** What writers of objects work with. */
export interface WritingParts extends ReadingParts {
  disk: Disk;
  lock: KeyLock;
}

/** Writes a body beside the objects, then makes it the object; on any failure nothing has changed. */
export async function putObject(parts: WritingParts, input: PutObject): Promise<ObjectInfo> {
  assertKey(input.key);
  const { path, file } = await parts.disk.openTemporary();
  let flushed: Promise<void> = Promise.resolve();
  let isSmall = false;
  try {
    const write = checkedWrite(parts.disk, file);
    const written = await writeBody(input.body, write, { start: 0, expectedMd5: input.expectedMd5 });
    isSmall = written.sizeBytes <= smallBytes;
    // The record of the object is written while the disk is busy with its bytes.
    flushed = parts.disk.flush(file, written.sizeBytes);
    flushed.catch(() => undefined);
    const { bucket, key, headers, userMetadata, tags, acl, conditions } = input;
    const checksums = input.checksums?.() ?? {};
    const etag = bodyEtag(written, checksums);
    const description = { headers, userMetadata, tags, acl, checksums, etag, partRuns: [] };
    const record = { ...description, checksumType: "FULL_OBJECT" } as const;
    const identity = fileIdentity(file.stats());
    return await commitFile(parts, { bucket, key, path, identity, flushed, record, conditions });
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw await diskError(parts.disk.root, error);
  } finally {
    await flushed.catch(() => undefined);
    if (isSmall) file.closeNow();
    else await file.close();
  }
}

/** The MD5 where it was taken, else 32 digits of the same kind that stand for the checksums, and a dash. */
export function bodyEtag({ md5, sizeBytes }: WrittenBody, checksums: Checksums): string {
  if (md5 !== null) return md5;
  const known = Object.entries(checksums).sort();
  return `${createHash("md5")
    .update(JSON.stringify([sizeBytes, known]))
    .digest("hex")}-1`;
}

/** Writes to `file`, looking at the free space now and then. */
export function checkedWrite(disk: Disk, file: OpenFile): WriteAt {
  let uncheckedBytes = 0;
  return async (bytes, position) => {
    uncheckedBytes += bytes.byteLength;
    if (uncheckedBytes >= spaceCheckBytes) {
      uncheckedBytes = 0;
      await disk.checkSpace(0);
    }
    await file.write(bytes, position);
  };
}

/** Makes a finished file the object in one step, if the conditions hold at that moment. */
export async function commitFile(parts: WritingParts, file: FinishedFile): Promise<ObjectInfo> {
  const { bucket, key } = file;
  return parts.lock(lockName(bucket, key), async () => {
    const next: ObjectRecord = { ...file.record, ...file.identity };
    const earlier = await currentRecord(parts, bucket, key);
    assertConditions(earlier, file);
    await parts.records.write(bucket, key, earlier === null ? [next] : [next, earlier]);
    await file.flushed;
    await parts.places.moveIn(bucket, key, file.path, async (path) => {
      if (earlier !== null) await parts.disk.keepForTrash(path, earlier.sizeBytes);
    });
    parts.disk.emptyTrash();
    return recordInfo(bucket, key, next);
  });
}

/** Writes the record of the current version anew; its bytes stay where they are. */
export async function changeObject(
  parts: WritingParts,
  bucket: string,
  key: string,
  change: ObjectChange,
): Promise<ObjectInfo> {
  return parts.lock(lockName(bucket, key), async () => {
    const current = await currentRecord(parts, bucket, key);
    if (current === null) throw fail("object_not_found", { bucket, key });
    const changed: ObjectRecord = { ...current, ...change };
    await parts.records.write(bucket, key, [changed]);
    return recordInfo(bucket, key, changed);
  });
}

/** True when there was an object. A link or directory at the key's path is none and stays. */
export async function deleteObject(
  parts: WritingParts,
  bucket: string,
  key: string,
  conditions?: DeleteConditions,
): Promise<boolean> {
  return parts.lock(lockName(bucket, key), async () => {
    if (conditions !== undefined) {
      const current = await currentRecord(parts, bucket, key);
      if (current !== null) assertDeletable(recordInfo(bucket, key, current), conditions);
    }
    const place = await parts.places.find(bucket, key);
    if (place === null) return false;
    try {
      const stats = await lstat(place.path);
      if (!stats.isFile()) return false;
      await parts.disk.keepForTrash(place.path, stats.size);
      await unlink(place.path);
      if (parts.disk.durable) await place.directory.sync();
    } catch (error) {
      if (isBlocked(error)) return false;
      throw error;
    } finally {
      await place.directory.close();
    }
    await parts.records.remove(bucket, key);
    await parts.places.forget(bucket, key);
    parts.disk.emptyTrash();
    return true;
  });
}

function lockName(bucket: string, key: string): string {
  return `${bucket}/${key}`;
}

/** Throws unless the object as it is (null: absent) is one that the writer wants to replace. */
function assertConditions(current: { etag: string } | null, file: FinishedFile): void {
  const { ifMatch, ifNoneMatch } = file.conditions ?? {};
  const matches = (etags: readonly string[]): boolean =>
    current !== null && (etags.includes("*") || etags.includes(current.etag));
  if (ifMatch !== undefined && !matches(ifMatch)) {
    if (current === null) throw fail("object_not_found", { bucket: file.bucket, key: file.key });
    throw fail("object_precondition_failed", { condition: "If-Match" });
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch)) {
    throw fail("object_precondition_failed", { condition: "If-None-Match" });
  }
}

/** Throws unless the object is the one that the client means. */
function assertDeletable(current: ObjectInfo, conditions: DeleteConditions): void {
  const { ifMatch, ifLastModifiedMs, ifSizeBytes } = conditions;
  if (ifMatch !== undefined && !ifMatch.includes("*") && !ifMatch.includes(current.etag)) {
    throw fail("object_precondition_failed", { condition: "If-Match" });
  }
  const inSeconds = (ms: number): number => Math.floor(ms / 1000);
  if (ifLastModifiedMs !== undefined && inSeconds(ifLastModifiedMs) !== inSeconds(current.lastModifiedMs)) {
    throw fail("object_precondition_failed", { condition: "If-Match-Last-Modified-Time" });
  }
  if (ifSizeBytes !== undefined && ifSizeBytes !== current.sizeBytes) {
    throw fail("object_precondition_failed", { condition: "If-Match-Size" });
  }
}
