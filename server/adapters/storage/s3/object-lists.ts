import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { ListPage, ListQuery, ObjectInfo } from "../storage.ts";
import { compareKeys } from "../object-names.ts";
import { decodeName, type ListedObject, listedObject } from "./connection.ts";
import type { ReadingParts } from "./versions.ts";

/** The last character there is: behind a common prefix it names a place behind nearly all that lies in it. */
const lastCharacter = "\u{10ffff}";

interface Entry {
  /** Key or common prefix of the port. */
  name: string;
  /** Null: a common prefix. */
  object: ObjectInfo | null;
}

/** One page of keys and common prefixes, from as many pages of the service as it takes. */
export async function listObjects(parts: ReadingParts, query: ListQuery): Promise<ListPage> {
  const { after = "", maxKeys } = query;
  const page: ListPage = { objects: [], commonPrefixes: [], next: null };
  let token: string | undefined;
  let last = after;
  for (let missing = maxKeys; missing > 0;) {
    const { entries, next } = await readPage(parts, query, token, missing);
    for (const { name, object } of entries) {
      // Services differ in whether a list after a place inside a common prefix names that prefix once more.
      if (compareKeys(name, after) <= 0) continue;
      if (object === null) page.commonPrefixes.push(name);
      else page.objects.push(object);
      last = name;
      missing--;
    }
    token = next;
    if (token === undefined) return page;
  }
  page.next = token === undefined ? null : last;
  return page;
}

async function readPage(
  { connection, nameOf }: ReadingParts,
  { bucket, prefix = "", delimiter = "", after = "" }: ListQuery,
  token: string | undefined,
  wanted: number,
): Promise<{ entries: Entry[]; next: string | undefined }> {
  const area = nameOf(bucket, "");
  const page = await connection.call((client, Bucket) =>
    client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: area + prefix,
        MaxKeys: wanted,
        EncodingType: "url",
        ...(delimiter !== "" && { Delimiter: delimiter }),
        ...(after !== "" && token === undefined && { StartAfter: area + startOf(after, prefix, delimiter) }),
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    ),
  );
  const entries: Entry[] = [];
  for (const one of page.Contents ?? []) {
    const listed = listedObject(one, page.EncodingType);
    const key = listed.name.slice(area.length);
    entries.push({ name: key, object: infoOf(bucket, key, listed) });
  }
  for (const { Prefix = "" } of page.CommonPrefixes ?? [])
    entries.push({ name: decodeName(Prefix, page.EncodingType).slice(area.length), object: null });
  entries.sort((left, right) => compareKeys(left.name, right.name));
  return { entries, next: page.IsTruncated === true ? page.NextContinuationToken : undefined };
}

/** A place inside a common prefix means behind it. */
function startOf(after: string, prefix: string, delimiter: string): string {
  if (delimiter === "" || !after.startsWith(prefix)) return after;
  const at = after.indexOf(delimiter, prefix.length);
  return at < 0 ? after : after.slice(0, at + delimiter.length) + lastCharacter;
}

function infoOf(bucket: string, key: string, { sizeBytes, etag, lastModifiedMs }: ListedObject): ObjectInfo {
  return {
    bucket,
    key,
    sizeBytes,
    etag,
    lastModifiedMs,
    headers: {},
    userMetadata: {},
    checksums: {},
    checksumType: "FULL_OBJECT",
    partRuns: [],
  };
}

/** Number and bytes of the objects under a prefix. */
export async function usage(
  { connection, nameOf }: ReadingParts,
  bucket: string,
  prefix: string,
): Promise<{ objects: number; sizeBytes: number }> {
  const total = { objects: 0, sizeBytes: 0 };
  for await (const { sizeBytes } of connection.list(nameOf(bucket, prefix))) {
    total.objects++;
    total.sizeBytes += sizeBytes;
  }
  return total;
}

/** S3's page, and what is held of a prefix that is deleted. */
const deleteBatch = 1000;

/** Deletes every object under a prefix with what is known of it; answers their number. */
export async function deleteObjects(
  { connection, nameOf, records }: ReadingParts,
  bucket: string,
  prefix: string,
): Promise<number> {
  const area = nameOf(bucket, "");
  let deleted = 0;
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    await connection.remove(batch);
    await connection.remove(batch.map((name) => records.nameOf(bucket, name.slice(area.length))));
    deleted += batch.length;
    batch = [];
  };
  for await (const { name } of connection.list(area + prefix)) {
    batch.push(name);
    if (batch.length === deleteBatch) await flush();
  }
  if (batch.length > 0) await flush();
  return deleted;
}
