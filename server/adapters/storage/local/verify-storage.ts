import { lstat, mkdir, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { alternateKeyIndex } from "./alternate-keys.ts";
import { findBucket, listBuckets } from "./buckets.ts";
import { isBlocked } from "./directories.ts";
import { type Disk, isOwnerAlive, openDiskForReading } from "./disk.ts";
import { keyDigest } from "./object-key.ts";
import { objectPlaces } from "./object-places.ts";
import { openObjectFile, type ReadingParts } from "./object-reading.ts";
import { matchingRecord, type ObjectRecord, objectRecords } from "./object-records.ts";
import { walkKeys } from "./key-walk.ts";
import { type ContentVerdict, type StartChecksum, verifyContent } from "./verify-content.ts";

/** Something that is not as it should be. */
export interface StorageFinding {
  /** `damaged` and `missing` objects have lost bytes; `stray` files belong to no object that is known. */
  kind: "damaged" | "missing" | "stray";
  /** Null for files of the storage's own. */
  bucket: string | null;
  key: string | null;
  path: string;
  problem: string;
  /** Where a damaged file was moved to. */
  quarantinedTo: string | null;
}

/** What {@link verifyStorage} looked at and found. */
export interface StorageVerdict {
  objects: number;
  sizeBytes: number;
  /** Objects of which only the presence is known, since no checksum was stored with them. */
  unchecked: number;
  damaged: number;
  missing: number;
  stray: number;
}

/** What to look at; without a bucket everything. */
export interface VerifyOptions {
  root: string;
  bucket?: string;
  prefix?: string;
  startChecksum: StartChecksum;
  /** Moves damaged files with their records to `.s3/quarantine`; without it nothing is changed. */
  quarantine?: boolean;
  onFinding(finding: StorageFinding): void;
}

/** A server that deletes an object removes its file first and then, well within this time, its record. */
const secondLookMs = 250;

/** An object that changes while it is read is read again, so often at most. */
const attempts = 3;

/**
 * Reads every object and compares it with what was stored about it, and looks for objects and files that lost each
 * other. A server may run meanwhile: whatever looks wrong is looked at again, so that a change is not taken for damage.
 */
export async function verifyStorage(options: VerifyOptions): Promise<StorageVerdict> {
  const disk = await openDiskForReading(options.root);
  const records = objectRecords(disk);
  const alternates = alternateKeyIndex(disk, records);
  const parts = { disk, records, alternates, places: objectPlaces(disk, alternates) };
  const verdict = { objects: 0, sizeBytes: 0, unchecked: 0, damaged: 0, missing: 0, stray: 0 };
  const report = (finding: StorageFinding): void => {
    verdict[finding.kind]++;
    options.onFinding(finding);
  };
  const run: Run = { parts, verdict, report, options };
  for (const bucket of await bucketsOf(disk, options)) {
    await verifyBucket(run, bucket);
    await findMissing(run, bucket);
  }
  if (options.bucket === undefined) await findStray(run);
  return verdict;
}

interface Run {
  parts: ReadingParts & { disk: Disk; alternates: ReturnType<typeof alternateKeyIndex> };
  verdict: StorageVerdict;
  report(finding: StorageFinding): void;
  options: VerifyOptions;
}

async function bucketsOf(disk: Disk, { bucket }: VerifyOptions): Promise<string[]> {
  if (bucket === undefined) return (await listBuckets(disk)).map(({ name }) => name);
  return (await findBucket(disk, bucket)) === null ? [] : [bucket];
}

async function verifyBucket(run: Run, bucket: string): Promise<void> {
  const walk = {
    bucket,
    prefix: run.options.prefix ?? "",
    after: "",
    skip: null,
    loadAhead: 1,
    load: async () => true,
  };
  for await (const { key } of walkKeys(run.parts, walk)) await verifyObject(run, bucket, key);
}

async function verifyObject(run: Run, bucket: string, key: string): Promise<void> {
  const { parts, verdict, options } = run;
  for (let attempt = 1; ; attempt++) {
    const opened = await openObjectFile(parts, bucket, key);
    if (opened === null) return;
    const { file, stats } = opened;
    try {
      const known = await parts.records.readStored(bucket, key);
      const record = matchingRecord(known, stats) ?? known[0];
      const found = await contentOf(run, opened.file, record);
      const isAgain = found.state !== "whole" && attempt < attempts;
      if (isAgain && (await hasChanged(parts, bucket, key, stats.ino, record))) continue;
      verdict.objects++;
      verdict.sizeBytes += Number(stats.size);
      const path = await parts.places.pathOf(bucket, key);
      if (record === undefined) run.report({ ...noRecord, bucket, key, path });
      else if (found.state === "unchecked") verdict.unchecked++;
      else if (found.state === "damaged") {
        const quarantinedTo = options.quarantine === true ? await moveAway(run, bucket, key, path) : null;
        run.report({ kind: "damaged", bucket, key, path, problem: found.problem, quarantinedTo });
      }
      return;
    } finally {
      file.closeNow();
    }
  }
}

const noRecord = {
  kind: "stray",
  problem: "nothing is recorded about it: it was put there by another program",
  quarantinedTo: null,
} as const;

async function contentOf(
  run: Run,
  file: Parameters<typeof verifyContent>[0],
  record: ObjectRecord | undefined,
): Promise<ContentVerdict> {
  if (record === undefined) return { state: "unchecked" };
  try {
    return await verifyContent(file, record, run.options.startChecksum);
  } catch (error) {
    // An unreadable sector is what this looks for.
    return { state: "damaged", problem: `it cannot be read: ${String(error)}` };
  }
}

/** Whether the key has another file or another record than before. */
async function hasChanged(
  parts: ReadingParts,
  bucket: string,
  key: string,
  inode: bigint,
  record: ObjectRecord | undefined,
): Promise<boolean> {
  const again = await openObjectFile(parts, bucket, key);
  if (again === null) return true;
  again.file.closeNow();
  const [newest] = await parts.records.readStored(bucket, key);
  return again.stats.ino !== inode || newest?.modifiedNs !== record?.modifiedNs;
}

/** Records whose object is not there any more. */
async function findMissing(run: Run, bucket: string): Promise<void> {
  const { parts, options } = run;
  const prefix = options.prefix ?? "";
  const isGone = async (key: string): Promise<boolean> => {
    const opened = await openObjectFile(parts, bucket, key);
    opened?.file.closeNow();
    return opened === null && (await parts.records.readStored(bucket, key)).length > 0;
  };
  for (const folder of await namesIn(parts.disk.own("meta", bucket))) {
    for (const name of await namesIn(parts.disk.own("meta", bucket, folder))) {
      const path = parts.disk.own("meta", bucket, folder, name);
      const key = await parts.records.keyOf(bucket, name.replace(/\.json$/, ""));
      if (key === null && (await exists(path)) && prefix === "")
        run.report({ kind: "stray", bucket, key, path, problem: "the record is torn", quarantinedTo: null });
      if (key === null || !key.startsWith(prefix) || !(await isGone(key))) continue;
      await delay(secondLookMs);
      if (!(await isGone(key))) continue;
      const lost = await parts.places.pathOf(bucket, key);
      const problem = "its file is gone";
      run.report({ kind: "missing", bucket, key, path: lost, problem, quarantinedTo: null });
    }
  }
}

/** Files of the storage's own that nobody needs; the server removes most of them when it starts. */
async function findStray({ parts, report }: Run): Promise<void> {
  const { disk } = parts;
  const stray = (path: string, problem: string): void =>
    report({ kind: "stray", bucket: null, key: null, path, problem, quarantinedTo: null });
  for (const name of await namesIn(disk.own("tmp")))
    if (!isOwnerAlive(name)) stray(disk.own("tmp", name), "a temporary file of a process that is gone");
  for (const bucket of await namesIn(disk.own("alt"))) {
    for (const digest of await namesIn(disk.own("alt", bucket)))
      if (
        (await parts.records.keyOf(bucket, digest)) === null &&
        (await exists(disk.own("alt", bucket, digest)))
      )
        stray(disk.own("alt", bucket, digest), "an object whose key is not recorded any more");
  }
  for (const uploadId of await namesIn(disk.own("mpu")))
    if (
      (await exists(disk.own("mpu", uploadId))) &&
      !(await exists(disk.own("mpu", uploadId, "upload.json")))
    )
      stray(disk.own("mpu", uploadId), "a multipart upload without its description");
}

/** Takes a damaged object out of the bucket, with what is recorded about it beside it; returns its new path. */
async function moveAway(run: Run, bucket: string, key: string, path: string): Promise<string> {
  const { disk, records } = run.parts;
  const digest = keyDigest(key);
  const target = join(disk.own("quarantine", bucket), `${digest}.${Date.now()}`);
  await mkdir(disk.own("quarantine", bucket), { recursive: true });
  const record = await open(`${target}.json`, "wx");
  try {
    await record.writeFile(JSON.stringify({ key, records: await records.readStored(bucket, key) }));
  } finally {
    await record.close();
  }
  await rename(path, target);
  await records.remove(bucket, key);
  return target;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isBlocked(error)) return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isBlocked(error)) return false;
    throw error;
  }
}
