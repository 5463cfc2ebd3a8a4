import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { BucketInfo, BucketSettings } from "../storage.ts";
import { assertBucketName, isBucketName } from "../object-names.ts";
import type { Connection } from "./connection.ts";

/** A bucket that was there is taken to be there for so long, so that not every request asks twice. */
const trustMs = 10_000;

/** The port's buckets: a small document each, since a prefix without objects is nothing to the service. */
export interface Buckets {
  create(bucket: string): Promise<void>;
  find(bucket: string): Promise<BucketInfo | null>;
  /** Refuses with `bucket_not_found`. */
  require(bucket: string): Promise<void>;
  list(): Promise<BucketInfo[]>;
  change(bucket: string, change: BucketSettings): Promise<void>;
  remove(bucket: string): Promise<void>;
}

/** See {@link Buckets}. */
export function bucketDocuments(connection: Connection, clock: () => number): Buckets {
  const seenAtMs = new Map<string, number>();
  const nameOf = (bucket: string): string => connection.own("buckets", bucket);
  const find = async (bucket: string): Promise<BucketInfo | null> => {
    if (!isBucketName(bucket)) return null;
    const document = await connection.readDocument(nameOf(bucket));
    if (document === null) {
      seenAtMs.delete(bucket);
      return null;
    }
    seenAtMs.set(bucket, clock());
    const settings: BucketSettings & { createdMs?: number } = document.value;
    return { ...settings, name: bucket, createdMs: settings.createdMs ?? document.lastModifiedMs };
  };
  const requireInfo = async (bucket: string): Promise<BucketInfo> => {
    const found = await find(bucket);
    if (found === null) throw fail("bucket_not_found", { bucket: bucket.slice(0, 80) });
    return found;
  };
  return {
    find,
    async create(bucket) {
      assertBucketName(bucket);
      if ((await find(bucket)) === null)
        await connection.writeDocument(nameOf(bucket), { createdMs: clock() });
    },
    async require(bucket) {
      if (clock() - (seenAtMs.get(bucket) ?? Number.NEGATIVE_INFINITY) > trustMs) await requireInfo(bucket);
    },
    async list() {
      const found: BucketInfo[] = [];
      const folder = nameOf("");
      for await (const { name } of connection.list(folder)) {
        const bucket = await find(name.slice(folder.length));
        if (bucket !== null) found.push(bucket);
      }
      return found;
    },
    async change(bucket, change) {
      const { name: _name, ...settings } = await requireInfo(bucket);
      await connection.writeDocument(nameOf(bucket), { ...settings, ...change });
    },
    async remove(bucket) {
      seenAtMs.delete(bucket);
      await connection.remove([nameOf(bucket)]);
    },
  };
}
