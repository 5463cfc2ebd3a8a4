import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import type { ObjectInfo } from "../storage.ts";
import { isBlocked } from "./directories.ts";
import type { Disk } from "./disk.ts";
import { keyDigest } from "./object-key.ts";

/** What is stored beside an object's bytes; it describes the file with this inode, size and time. */
export interface ObjectRecord extends Omit<ObjectInfo, "bucket" | "key" | "lastModifiedMs"> {
  inode: string;
  modifiedNs: string;
}

/** The fields that tie a record to its file. */
export type FileIdentity = Pick<ObjectRecord, "inode" | "modifiedNs" | "sizeBytes">;

/** The records of one key: the newest write's first, then that of the version it replaces. */
interface RecordFile {
  key: string;
  records: ObjectRecord[];
}

/**
 * Records lie in `.s3/meta/<bucket>/<hh>/<sha256 of the key>.json` and are written before the data is renamed
 * into place. Both the new and the replaced version are in it, so a crash between the two leaves a whole object.
 */
export interface ObjectRecords {
  /** As this process wrote or read them last; only what no record matches must be looked up with `readStored`. */
  read(bucket: string, key: string): Promise<ObjectRecord[]>;
  readStored(bucket: string, key: string): Promise<ObjectRecord[]>;
  write(bucket: string, key: string, records: ObjectRecord[]): Promise<void>;
  remove(bucket: string, key: string): Promise<void>;
  /** The key that the record file with this digest is about. */
  keyOf(bucket: string, digest: string): Promise<string | null>;
  removeBucket(bucket: string): Promise<void>;
}

/** Record files that are remembered, each of at most so many characters; the oldest ones are forgotten. */
const rememberedFiles = 2000;
const rememberedLength = 2048;

/** The record files on `disk`; remembered only where no other process changes them. */
export function objectRecords(disk: Disk): ObjectRecords {
  const pathOf = (bucket: string, digest: string): string =>
    disk.own("meta", bucket, digest.slice(0, 2), `${digest}.json`);
  const remembered = new Map<string, ObjectRecord[]>();
  const remember = (path: string, records: ObjectRecord[], length: number): void => {
    remembered.delete(path);
    if (length > rememberedLength || disk.isShared) return;
    remembered.set(path, records);
    if (remembered.size <= rememberedFiles) return;
    const [oldest] = remembered.keys();
    if (oldest !== undefined) remembered.delete(oldest);
  };
  let changes = 0;
  const readStored = async (path: string, key: string): Promise<ObjectRecord[]> => {
    const changesBefore = changes;
    const { file, length } = await readRecordFile(path);
    const records = file !== null && file.key === key ? file.records : [];
    // What was written while this was read is newer.
    if (records.length > 0 && changes === changesBefore) remember(path, records, length);
    return records;
  };
  return {
    async read(bucket, key) {
      const path = pathOf(bucket, keyDigest(key));
      return remembered.get(path) ?? readStored(path, key);
    },
    readStored: (bucket, key) => readStored(pathOf(bucket, keyDigest(key)), key),
    async write(bucket, key, records) {
      const path = pathOf(bucket, keyDigest(key));
      const text = JSON.stringify({ key, records } satisfies RecordFile);
      changes++;
      // Without an earlier version nobody reads it before the object is in place.
      await (records.length === 1 ? disk.createFile(path, text) : disk.replaceFile(path, text));
      changes++;
      // As it will be read: without the fields that are undefined.
      remember(path, (JSON.parse(text) as RecordFile).records, text.length);
    },
    async remove(bucket, key) {
      const path = pathOf(bucket, keyDigest(key));
      changes++;
      remembered.delete(path);
      await rm(path, { force: true });
      changes++;
    },
    async keyOf(bucket, digest) {
      return (await readRecordFile(pathOf(bucket, digest))).file?.key ?? null;
    },
    async removeBucket(bucket) {
      remembered.clear();
      // Retried, because an object that is being put writes here at the same time.
      await rm(disk.own("meta", bucket), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
  };
}

async function readRecordFile(path: string): Promise<{ file: RecordFile | null; length: number }> {
  try {
    const text = await readFile(path, "utf8");
    const parsed: unknown = JSON.parse(text);
    return { file: isRecordFile(parsed) ? parsed : null, length: text.length };
  } catch (error) {
    // A file torn by a power cut is as good as none: the object is then described by its file alone.
    if (isBlocked(error) || error instanceof SyntaxError) return { file: null, length: 0 };
    throw error;
  }
}

function isRecordFile(value: unknown): value is RecordFile {
  if (typeof value !== "object" || value === null) return false;
  return (
    "key" in value && typeof value.key === "string" && "records" in value && Array.isArray(value.records)
  );
}

/**
 * The record that describes the file with these `stats`, if any does. A file that came back from a backup has
 * another inode; its size and its time to the nanosecond are then enough.
 */
export function matchingRecord(records: ObjectRecord[], stats: BigIntStats): ObjectRecord | undefined {
  const similar = records.filter(
    (record) => record.modifiedNs === String(stats.mtimeNs) && record.sizeBytes === Number(stats.size),
  );
  return similar.find((record) => record.inode === String(stats.ino)) ?? similar[0];
}

/** `stats` as the fields that tie a record to its file. */
export function fileIdentity(stats: BigIntStats): FileIdentity {
  return { inode: String(stats.ino), modifiedNs: String(stats.mtimeNs), sizeBytes: Number(stats.size) };
}

/**
 * The object that a file without a record is: put there by someone else than this storage. Its ETag changes
 * with the file and has a dash, so that no client takes it for an MD5.
 */
export function derivedRecord(stats: BigIntStats): ObjectRecord {
  const identity = fileIdentity(stats);
  const digest = createHash("md5").update(`${identity.inode}:${identity.modifiedNs}:${identity.sizeBytes}`);
  return {
    ...identity,
    etag: `${digest.digest("hex")}-1`,
    headers: {},
    userMetadata: {},
    checksums: {},
    checksumType: "FULL_OBJECT",
    partRuns: [],
  };
}

/** A record as the object of the port. */
export function recordInfo(bucket: string, key: string, record: ObjectRecord): ObjectInfo {
  const { inode: _inode, modifiedNs, ...rest } = record;
  return { bucket, key, lastModifiedMs: Number(BigInt(modifiedNs) / 1_000_000n), ...rest };
}
