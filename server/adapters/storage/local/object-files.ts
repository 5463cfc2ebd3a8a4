import { lstat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectInfo, PutObject, WriteConditions } from "../storage.ts";
import { writeBody, writeFully } from "./body-writer.ts";
import { isBlocked } from "./directories.ts";
import { type Disk, diskError } from "./disk.ts";
import type { KeyLock } from "./key-lock.ts";
import { assertKey } from "./object-key.ts";
import { currentRecord, identityOf, type ReadingParts } from "./object-reading.ts";
import { type ObjectRecord, recordInfo } from "./object-records.ts";

/** The free space is asked for again after so many written bytes. */
const spaceCheckBytes = 64 * 1024 * 1024;

/** A finished file that waits to become an object. */
export interface FinishedFile {
  bucket: string;
  key: string;
  path: string;
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
  const { bucket, key, headers, userMetadata, conditions } = input;
  assertKey(key);
  const { path, handle } = await parts.disk.openTemporary();
  try {
    const etag = await writeTemporary(parts.disk, handle, input);
    const checksums = input.checksums?.() ?? {};
    const record = {
      headers,
      userMetadata,
      checksums,
      etag,
      checksumType: "FULL_OBJECT",
      partRuns: [],
    } as const;
    return await commitFile(parts, { bucket, key, path, record, conditions });
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw await diskError(parts.disk.root, error);
  }
}

/** Returns the body's MD5 in hex: the ETag of an object put in one piece. */
async function writeTemporary(disk: Disk, handle: FileHandle, input: PutObject): Promise<string> {
  try {
    const write = checkedWrite(disk, handle);
    const { md5 } = await writeBody(input.body, write, { start: 0, expectedMd5: input.expectedMd5 });
    if (disk.durable) await handle.datasync();
    return md5;
  } finally {
    await handle.close();
  }
}

/** Writes to `handle`, looking at the free space now and then. */
export function checkedWrite(
  disk: Disk,
  handle: FileHandle,
): (buffers: Uint8Array[], position: number) => Promise<void> {
  let uncheckedBytes = 0;
  return async (buffers, position) => {
    for (const buffer of buffers) uncheckedBytes += buffer.byteLength;
    if (uncheckedBytes >= spaceCheckBytes) {
      await disk.checkSpace(0);
      uncheckedBytes = 0;
    }
    await writeFully(handle, buffers, position);
  };
}

/** Makes a finished, synced file the object in one step, if the conditions hold at that moment. */
export async function commitFile(parts: WritingParts, file: FinishedFile): Promise<ObjectInfo> {
  const { bucket, key } = file;
  return parts.lock(lockName(bucket, key), async () => {
    const next: ObjectRecord = { ...file.record, ...(await identityOf(file.path)) };
    const earlier = await currentRecord(parts, bucket, key);
    assertConditions(earlier, file);
    await parts.records.write(bucket, key, earlier === null ? [next] : [next, earlier]);
    await parts.places.moveIn(bucket, key, file.path, async (path) => {
      if (earlier !== null) await parts.disk.keepForTrash(path, earlier.sizeBytes);
    });
    parts.disk.emptyTrash();
    return recordInfo(bucket, key, next);
  });
}

/** True when there was an object. A link or directory at the key's path is none and stays. */
export async function deleteObject(parts: WritingParts, bucket: string, key: string): Promise<boolean> {
  return parts.lock(lockName(bucket, key), async () => {
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
