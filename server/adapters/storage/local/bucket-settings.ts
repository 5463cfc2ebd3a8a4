import { readFile, rm } from "node:fs/promises";
import type { BucketSettings } from "../storage.ts";
import { isBlocked } from "./directories.ts";
import type { Disk } from "./disk.ts";

/** What is kept about a bucket, in `.s3/buckets/<bucket>.json`; a bucket without that file has no settings. */
export interface BucketSettingsFiles {
  read(bucket: string): Promise<BucketSettings>;
  write(bucket: string, settings: BucketSettings): Promise<void>;
  /** To be called before the bucket goes: a crash between the two leaves it private. */
  remove(bucket: string): Promise<void>;
}

/** The settings on `disk`; `bucket` must be a bucket's name. */
export function bucketSettings(disk: Disk): BucketSettingsFiles {
  const pathOf = (bucket: string): string => disk.own("buckets", `${bucket}.json`);
  return {
    async read(bucket) {
      try {
        const parsed: unknown = JSON.parse(await readFile(pathOf(bucket), "utf8"));
        return isSettings(parsed) ? parsed : {};
      } catch (error) {
        if (isBlocked(error) || error instanceof SyntaxError) return {};
        throw error;
      }
    },
    write: (bucket, settings) => disk.replaceFile(pathOf(bucket), JSON.stringify(settings)),
    remove: (bucket) => rm(pathOf(bucket), { force: true }),
  };
}

/** The storage alone writes these files, so their shape is only told from that of a foreign one. */
function isSettings(value: unknown): value is BucketSettings {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
