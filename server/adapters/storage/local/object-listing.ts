import { type BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";
import type { ListPage, ListQuery, ObjectInfo } from "../storage.ts";
import type { AlternateKeyIndex } from "./alternate-keys.ts";
import { isBlocked } from "./directories.ts";
import type { Disk } from "./disk.ts";
import { type Walk, walkKeys } from "./key-walk.ts";
import { compareKeys } from "./object-key.ts";
import { currentRecord, type ReadingParts } from "./object-reading.ts";
import { matchingRecord, recordInfo } from "./object-records.ts";

/** Files looked at together; more do not help, the thread pool of Node has four threads. */
const loadAhead = 16;

/** What lists work with. */
export interface ListingParts extends ReadingParts {
  disk: Disk;
  alternates: AlternateKeyIndex;
}

/** One page of keys and common prefixes. */
export async function listObjects(parts: ListingParts, query: ListQuery): Promise<ListPage> {
  const { bucket, prefix = "", delimiter = "", after = "", maxKeys } = query;
  const page: ListPage = { objects: [], commonPrefixes: [], next: null };
  if (maxKeys <= 0) return page;
  const walk: Walk<ObjectInfo> = {
    bucket,
    prefix,
    after,
    skip: null,
    load: (path, key) => loadInfo(parts, bucket, path, key),
    loadAhead: Math.min(loadAhead, maxKeys),
  };
  let last = after;
  for await (const { key, item } of walkKeys(parts, walk)) {
    const group = commonPrefix(key, prefix, delimiter);
    if (group !== null) walk.skip = group;
    if (group !== null && compareKeys(group, after) <= 0) continue;
    if (page.objects.length + page.commonPrefixes.length === maxKeys) {
      page.next = last;
      break;
    }
    if (group === null) page.objects.push(item);
    else page.commonPrefixes.push(group);
    last = group ?? key;
  }
  return page;
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | null {
  if (delimiter === "") return null;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? null : key.slice(0, at + delimiter.length);
}

async function loadInfo(
  parts: ListingParts,
  bucket: string,
  path: string,
  key: string,
): Promise<ObjectInfo | null> {
  const stats = await statFile(path);
  if (stats === null) return null;
  const record =
    matchingRecord(await parts.records.read(bucket, key), stats) ?? (await currentRecord(parts, bucket, key));
  return record === null ? null : recordInfo(bucket, key, record);
}

async function statFile(path: string): Promise<BigIntStats | null> {
  try {
    const stats = await lstat(path, { bigint: true });
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (isBlocked(error)) return null;
    throw error;
  }
}

/** Number and bytes of the objects under a prefix. */
export async function usage(
  parts: ListingParts,
  bucket: string,
  prefix: string,
): Promise<{ objects: number; sizeBytes: number }> {
  const load = async (path: string): Promise<number | null> => {
    const stats = await statFile(path);
    return stats === null ? null : Number(stats.size);
  };
  const total = { objects: 0, sizeBytes: 0 };
  for await (const { item } of walkKeys(parts, { bucket, prefix, after: "", skip: null, load, loadAhead })) {
    total.objects++;
    total.sizeBytes += item;
  }
  return total;
}

/** Every key under a prefix, in order; keys deleted meanwhile may still come. */
export async function* keysUnder(
  parts: ListingParts,
  bucket: string,
  prefix: string,
): AsyncGenerator<string> {
  const load = async (): Promise<true> => true;
  for await (const { key } of walkKeys(parts, {
    bucket,
    prefix,
    after: "",
    skip: null,
    load,
    loadAhead: 1,
  })) {
    yield key;
  }
}
