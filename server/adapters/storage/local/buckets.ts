import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { BucketInfo } from "../storage.ts";
import {
  type Directory,
  errorCode,
  isBlocked,
  makeDirectory,
  openChildDirectory,
  openDirectory,
} from "./directories.ts";
import type { Disk } from "./disk.ts";
import { assertBucketName, isBucketName } from "./object-key.ts";

/** A bucket is a real folder of the root whose name is a bucket name; null when there is none. */
export async function findBucket(disk: Disk, bucket: string): Promise<BucketInfo | null> {
  if (!isBucketName(bucket)) return null;
  try {
    const stats = await lstat(join(disk.root, bucket));
    return stats.isDirectory() ? { name: bucket, createdMs: Math.floor(stats.birthtimeMs) } : null;
  } catch (error) {
    if (isBlocked(error)) return null;
    throw error;
  }
}

/** A bucket that was there a moment ago is taken to be there still. */
const recentMs = 1_000;

/** Buckets that were found a moment ago; what this process changes must be forgotten at once. */
export interface RecentBuckets {
  find(bucket: string): Promise<BucketInfo | null>;
  forget(bucket: string): void;
}

/** Remembers what `load` found for a second. */
export function recentBuckets(load: (bucket: string) => Promise<BucketInfo | null>): RecentBuckets {
  const found = new Map<string, { info: BucketInfo; untilMs: number }>();
  return {
    async find(bucket) {
      const known = found.get(bucket);
      if (known !== undefined && performance.now() < known.untilMs) return known.info;
      found.delete(bucket);
      const info = await load(bucket);
      if (info !== null) found.set(bucket, { info, untilMs: performance.now() + recentMs });
      return info;
    },
    forget: (bucket) => void found.delete(bucket),
  };
}

/** Refuses with `bucket_not_found` unless the bucket is there. */
export async function requireBucket(buckets: RecentBuckets, bucket: string): Promise<void> {
  if ((await buckets.find(bucket)) === null) throw fail("bucket_not_found", { bucket: bucket.slice(0, 80) });
}

/** Every bucket by name. */
export async function listBuckets(disk: Disk): Promise<BucketInfo[]> {
  const buckets: BucketInfo[] = [];
  for (const name of (await readdir(disk.root)).sort()) {
    const bucket = await findBucket(disk, name);
    if (bucket !== null) buckets.push(bucket);
  }
  return buckets;
}

/** Does nothing when the bucket is there. */
export async function createBucket(disk: Disk, bucket: string): Promise<void> {
  assertBucketName(bucket);
  const directory = await makeDirectory(disk.root, [bucket], disk.durable);
  if (directory === null) throw new Error(`${join(disk.root, bucket)} is not a folder. Move it away.`);
  await directory.close();
}

/** Removes a bucket that holds nothing but empty folders; refuses with `bucket_not_empty` at anything else. */
export async function removeEmptyBucket(disk: Disk, bucket: string): Promise<void> {
  const root = await openDirectory(disk.root, []);
  if (root === null) return;
  try {
    await removeEmptyFolders(root, bucket);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR")
      throw fail("bucket_not_empty", { bucket });
    throw error;
  } finally {
    await root.close();
  }
}

/** With rmdir only, so that an object that appears meanwhile is never taken along. */
async function removeEmptyFolders(parent: Directory, name: string): Promise<void> {
  const folder = await openChildDirectory(parent, name);
  if (folder !== null) {
    try {
      for (const child of await readdir(folder.path)) await removeEmptyFolders(folder, child);
    } finally {
      await folder.close();
    }
  }
  await rmdir(`${parent.path}/${name}`).catch((error: unknown) => {
    // Somebody else who removes the same bucket was faster.
    if (errorCode(error) !== "ENOENT") throw error;
  });
}
