import { type BigIntStats, constants } from "node:fs";
import { lstat } from "node:fs/promises";
import type { ObjectInfo, ReadableObject } from "../storage.ts";
import { errorCode, isBlocked } from "./directories.ts";
import { openFile, type OpenFile } from "./open-file.ts";
import type { ObjectPlaces } from "./object-places.ts";
import {
  derivedRecord,
  matchingRecord,
  type ObjectRecord,
  type ObjectRecords,
  recordInfo,
} from "./object-records.ts";

/** Two buffers of this size serve a whole download: one is filled while the other is sent. */
const readBytes = 512 * 1024;

/** Buffers kept for the next large download. */
const keptBuffers = 8;
const freeBuffers: Buffer[] = [];

/** A version replaced while it is looked at is looked up again, so often at most. */
const lookAttempts = 8;

/** What a reader works with. */
export interface ReadingParts {
  places: ObjectPlaces;
  records: ObjectRecords;
}

/** The record of the key's current version, or null when there is no object. */
export async function currentRecord(
  parts: ReadingParts,
  bucket: string,
  key: string,
): Promise<ObjectRecord | null> {
  return look(parts, bucket, key, async () => {
    const stats = await statObject(parts, bucket, key);
    return stats === null ? null : { stats, found: (record) => record, async drop() {} };
  });
}

/** Opens the key's current version, or null when there is no object. */
export async function openObject(
  parts: ReadingParts,
  bucket: string,
  key: string,
): Promise<ReadableObject | null> {
  return look(parts, bucket, key, async () => {
    const opened = await openObjectFile(parts, bucket, key);
    if (opened === null) return null;
    const { file, stats } = opened;
    return {
      stats,
      found: (record) => readable(file, recordInfo(bucket, key, record)),
      drop: async () => file.closeNow(),
    };
  });
}

interface Glance<Found> {
  stats: BigIntStats;
  found(record: ObjectRecord): Found;
  drop(): Promise<void>;
}

/** Pairs a file with the record that describes it; both may be replaced between the two looks. */
async function look<Found>(
  parts: ReadingParts,
  bucket: string,
  key: string,
  glance: () => Promise<Glance<Found> | null>,
): Promise<Found | null> {
  for (let attempt = 1; attempt <= lookAttempts; attempt++) {
    const seen = await glance();
    if (seen === null) return null;
    const record =
      matchingRecord(await parts.records.read(bucket, key), seen.stats) ??
      matchingRecord(await parts.records.readStored(bucket, key), seen.stats);
    if (record !== undefined) return seen.found(record);
    const again = await statObject(parts, bucket, key);
    if (again !== null && isSameFile(again, seen.stats)) return seen.found(derivedRecord(seen.stats));
    await seen.drop();
  }
  throw new Error(`The object ${key} is replaced faster than it can be looked at.`);
}

function isSameFile(left: BigIntStats, right: BigIntStats): boolean {
  return left.ino === right.ino && left.mtimeNs === right.mtimeNs && left.size === right.size;
}

async function statObject(parts: ReadingParts, bucket: string, key: string): Promise<BigIntStats | null> {
  const place = await parts.places.find(bucket, key);
  if (place === null) return null;
  try {
    const stats = await lstat(place.path, { bigint: true });
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (isBlocked(error)) return null;
    throw error;
  } finally {
    await place.directory.close();
  }
}

/**
 * Opens the key's file for reading without following a link; null when there is none. Of what else may lie there, a
 * pipe would wait for a writer without O_NONBLOCK.
 */
export async function openObjectFile(
  parts: ReadingParts,
  bucket: string,
  key: string,
): Promise<{ file: OpenFile; stats: BigIntStats } | null> {
  const place = await parts.places.find(bucket, key);
  if (place === null) return null;
  let file: OpenFile;
  try {
    file = await openFile(place.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isBlocked(error) || errorCode(error) === "ENXIO") return null;
    throw error;
  } finally {
    await place.directory.close();
  }
  const stats = file.stats();
  if (stats.isFile()) return { file, stats };
  file.closeNow();
  return null;
}

function readable(file: OpenFile, info: ObjectInfo): ReadableObject {
  return {
    info,
    read: ({ start, end }, write) => readRange(file, start, end, write),
    close: async () => file.closeNow(),
  };
}

async function readRange(
  file: OpenFile,
  start: number,
  end: number,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const size = Math.min(readBytes, end - start);
  if (size <= 0) return;
  let filling = takeBuffer(size);
  let sending: Buffer | null = null;
  let sent: Promise<void> = Promise.resolve();
  try {
    for (let at = start; at < end;) {
      const bytesRead = await file.read(filling, Math.min(size, end - at), at);
      if (bytesRead === 0) throw new Error("The object's file became shorter while it was read.");
      at += bytesRead;
      await sent;
      sent = write(filling.subarray(0, bytesRead));
      sent.catch(() => undefined);
      if (at === end) break;
      const next: Buffer = sending ?? takeBuffer(size);
      sending = filling;
      filling = next;
    }
    await sent;
  } finally {
    await sent.catch(() => undefined);
  }
  // Only now: after a failure the connection may still be reading from them.
  for (const buffer of [filling, sending])
    if (buffer?.length === readBytes && freeBuffers.length < keptBuffers) freeBuffers.push(buffer);
}

function takeBuffer(size: number): Buffer {
  return (size === readBytes ? freeBuffers.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
}
