import { GetObjectCommand, HeadObjectCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import type { ObjectInfo, ReadableObject } from "../storage.ts";
import { type Connection, plainEtag } from "./connection.ts";
import { externalFailure } from "./external-errors.ts";
import { foreignDescription, markOf, type Records } from "./descriptions.ts";

/** A broken connection is taken up again where it broke, so often without a byte in between. */
const resumeAttempts = 3;

/** What readers work with. */
export interface ReadingParts {
  connection: Connection;
  records: Records;
  /** The whole key in the external bucket. */
  nameOf(bucket: string, key: string): string;
}

/** A version as it was found. */
export interface FoundVersion {
  /** Names the version for its description. */
  id: string;
  info: ObjectInfo;
  /** Of a bucket that keeps versions. */
  versionId: string | undefined;
  isInRecord: boolean;
}

/** The current version of an object with its description, null when there is none. */
export async function findVersion(
  parts: ReadingParts,
  bucket: string,
  key: string,
): Promise<FoundVersion | null> {
  const { connection, records, nameOf } = parts;
  const Key = nameOf(bucket, key);
  const [head, entries] = await Promise.all([
    connection.find((client, Bucket) => client.send(new HeadObjectCommand({ Bucket, Key }))),
    records.read(bucket, key),
  ]);
  if (head === null) return null;
  const mark = markOf(head);
  // A version written between the two looks has its record by now.
  const isTooNew = mark.description === null && !entries.has(mark.id);
  const known = isTooNew ? await records.read(bucket, key) : entries;
  const recorded = known.get(mark.id);
  const description = recorded ?? mark.description ?? foreignDescription(head);
  const info = { ...description, bucket, key, ...measured(head) };
  return { id: mark.id, info, versionId: versionOf(head), isInRecord: recorded !== undefined };
}

function measured(head: HeadObjectCommandOutput): Pick<ObjectInfo, "sizeBytes" | "etag" | "lastModifiedMs"> {
  return {
    sizeBytes: head.ContentLength ?? 0,
    etag: plainEtag(head.ETag),
    lastModifiedMs: head.LastModified?.getTime() ?? 0,
  };
}

/** The id of the current version, null when there is no object. */
export async function currentId(parts: ReadingParts, bucket: string, key: string): Promise<string | null> {
  const Key = parts.nameOf(bucket, key);
  const head = await parts.connection.find((client, Bucket) =>
    client.send(new HeadObjectCommand({ Bucket, Key })),
  );
  return head === null ? null : markOf(head).id;
}

function versionOf(head: HeadObjectCommandOutput): string | undefined {
  return head.VersionId === "null" ? undefined : head.VersionId;
}

/**
 * Opens the current version. A read that has begun goes on when the object is replaced; one that begins later, or
 * must be taken up again, fails then, unless the external bucket keeps versions.
 */
export async function openVersion(
  parts: ReadingParts,
  bucket: string,
  key: string,
): Promise<ReadableObject | null> {
  const found = await findVersion(parts, bucket, key);
  if (found === null) return null;
  const closed = new AbortController();
  return {
    info: found.info,
    read: (range, write) => readRange(parts, found, range, write, closed.signal),
    async close() {
      closed.abort();
    },
  };
}

async function readRange(
  parts: ReadingParts,
  found: FoundVersion,
  { start, end }: { start: number; end: number },
  write: (chunk: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let at = start;
  let failures = 0;
  while (at < end) {
    const bytes = await openBytes(parts, found, at, end, signal);
    let isReading = true;
    try {
      for await (const chunk of bytes) {
        isReading = false;
        await write(chunk);
        isReading = true;
        at += chunk.byteLength;
        failures = 0;
      }
      if (at < end) throw new Error("The external storage sent less than it announced.");
    } catch (error) {
      if (!isReading || signal.aborted) throw error;
      if (++failures > resumeAttempts) throw externalFailure(error, parts.connection.place);
    }
  }
}

async function openBytes(
  { connection, nameOf }: ReadingParts,
  { info, versionId }: FoundVersion,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const isWhole = start === 0 && end === info.sizeBytes;
  const input = {
    Key: nameOf(info.bucket, info.key),
    ...(versionId === undefined ? { IfMatch: `"${info.etag}"` } : { VersionId: versionId }),
    ...(!isWhole && { Range: `bytes=${start}-${end - 1}` }),
  };
  const { Body } = await connection.call((client, Bucket) =>
    client.send(new GetObjectCommand({ ...input, Bucket }), { abortSignal: signal }),
  );
  if (Body === undefined || !(Symbol.asyncIterator in Body)) throw new Error("The answer has no body.");
  return Body as AsyncIterable<Uint8Array>;
}
