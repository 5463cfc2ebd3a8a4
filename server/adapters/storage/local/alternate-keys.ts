import { mkdir, readdir, rm } from "node:fs/promises";
import { isBlocked } from "./directories.ts";
import type { Disk } from "./disk.ts";
import { compareKeys } from "./object-key.ts";
import type { ObjectRecords } from "./object-records.ts";

/** The keys of one bucket that have no path of their own and lie in `.s3/alt/<bucket>/<sha256 of the key>`. */
export interface AlternateKeys {
  has(key: string): boolean;
  add(key: string): void;
  remove(key: string): void;
  /** In UTF-8 order; do not change it. */
  sorted(): readonly string[];
}

/**
 * Finds the alternate keys of a bucket; read from disk once and kept in memory from then on, where no other process
 * makes any.
 */
export interface AlternateKeyIndex {
  of(bucket: string): Promise<AlternateKeys>;
  removeBucket(bucket: string): Promise<void>;
}

/**
 * A key comes here when no file can have its name, or when another key's directory or file is in the way (`a`
 * beside `a/b`). While it is here it is served from here, whatever appears at its path.
 */
export function alternateKeyIndex(disk: Disk, records: ObjectRecords): AlternateKeyIndex {
  const buckets = new Map<string, Promise<AlternateKeys>>();
  return {
    of(bucket) {
      if (disk.isShared) return loadKeys(disk, records, bucket);
      let loading = buckets.get(bucket);
      if (loading === undefined) {
        loading = loadKeys(disk, records, bucket);
        buckets.set(bucket, loading);
        loading.catch(() => buckets.delete(bucket));
      }
      return loading;
    },
    async removeBucket(bucket) {
      buckets.delete(bucket);
      await rm(disk.own("alt", bucket), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
  };
}

async function loadKeys(disk: Disk, records: ObjectRecords, bucket: string): Promise<AlternateKeys> {
  const keys = new Set<string>();
  for (const digest of await namesIn(disk.own("alt", bucket))) {
    const key = await records.keyOf(bucket, digest);
    if (key !== null) keys.add(key);
  }
  let sorted: string[] | null = null;
  return {
    has: (key) => keys.has(key),
    add(key) {
      keys.add(key);
      sorted = null;
    },
    remove(key) {
      keys.delete(key);
      sorted = null;
    },
    sorted() {
      sorted ??= [...keys].sort(compareKeys);
      return sorted;
    },
  };
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isBlocked(error)) return [];
    throw error;
  }
}

/** Makes sure that the folder for a bucket's alternate objects is there. */
export async function makeAlternateFolder(disk: Disk, bucket: string): Promise<void> {
  await mkdir(disk.own("alt", bucket), { recursive: true });
}
