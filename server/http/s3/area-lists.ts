import type { ListPage, ListQuery, ObjectStorage } from "../../adapters/storage/storage.ts";
import { S3Error } from "./s3-errors.ts";

/**
 * Names the areas that may be read, in the order of keys, beginning with the one that `from` lies in or comes before;
 * an area is a prefix that ends in its only slash. Answers a page of them, and an empty one when there are no more.
 */
export type AreasFrom = (from: string) => Promise<readonly string[]>;

/** All areas from one on. */
export async function* eachArea(areasFrom: AreasFrom, from: string): AsyncGenerator<string> {
  let position = from;
  for (;;) {
    const areas = await areasFrom(position);
    for (const area of areas) yield area;
    const last = areas.at(-1);
    if (last === undefined) return;
    // The character after the slash: behind everything in the area.
    position = `${last.slice(0, -1)}0`;
  }
}

/**
 * As the storage's own list, of what lies in the areas only. They are disjoint, so they are listed one after the
 * other. `query.prefix` may span several of them.
 */
export async function listAreas(
  storage: ObjectStorage,
  query: ListQuery,
  areasFrom: AreasFrom,
): Promise<ListPage> {
  const { prefix = "", delimiter = "", after = "" } = query;
  if (delimiter.length > 1)
    throw new S3Error("NotImplemented", "A list of several jobs takes a delimiter of one character.");
  const page: ListPage = { objects: [], commonPrefixes: [], next: null };
  if (query.maxKeys === 0) return page;
  let last = after;
  for await (const area of eachArea(areasFrom, after > prefix ? after : prefix)) {
    if (!area.startsWith(prefix)) return page;
    const room = query.maxKeys - page.objects.length - page.commonPrefixes.length;
    const folded = delimiter === "" ? -1 : area.indexOf(delimiter, prefix.length);
    const common = folded < 0 ? null : area.slice(0, folded + 1);
    // What the previous page ended with, or this page has already, covers the whole area.
    if (common !== null && last.startsWith(common)) continue;
    const part = await storage.listObjects({
      bucket: query.bucket,
      prefix: area,
      delimiter: common === null ? delimiter : "",
      after: last.startsWith(area) ? last : "",
      // With no room left, one key more tells that the list goes on.
      maxKeys: common === null ? Math.max(1, room) : 1,
    });
    const found = part.objects.length + part.commonPrefixes.length;
    if (found === 0) continue;
    if (room <= 0) return { ...page, next: last };
    if (common === null) {
      page.objects.push(...part.objects);
      page.commonPrefixes.push(...part.commonPrefixes);
      if (part.next !== null) return { ...page, next: part.next };
      last = lastOf(part);
    } else {
      page.commonPrefixes.push(common);
      last = common;
    }
  }
  return page;
}

/** The last key or common prefix of a page, which are each in order. */
function lastOf({ objects, commonPrefixes }: ListPage): string {
  const key = objects.at(-1)?.key ?? "";
  const prefix = commonPrefixes.at(-1) ?? "";
  return Buffer.compare(Buffer.from(key), Buffer.from(prefix)) > 0 ? key : prefix;
}
