import { randomBytes } from "node:crypto";
import type {
  GetObjectCommandOutput,
  HeadObjectCommandOutput,
  PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import type { ContentHeaders, ObjectDescription, ObjectInfo } from "../storage.ts";
import { type Connection, keyDigest, plainEtag } from "./connection.ts";

/**
 * What is known of a version beside its bytes. The service keeps too little of it (no checksum that is known only
 * after the body, 2 KB of ASCII metadata, no times of expiry that are no times), and not every service keeps the
 * same, so it is ours: short ones lie in the metadata field `simpletuner`, others in a record beside the objects.
 */
export type Description = Omit<ObjectInfo, "bucket" | "key" | "sizeBytes" | "etag" | "lastModifiedMs">;

/** Ties a version of an object to its description, wherever that is. */
export interface VersionMark {
  id: string;
  /** Null: it is in the record. */
  description: Description | null;
}

interface RecordEntry {
  id: string;
  atMs: number;
  description: Description;
}

const metadataName = "simpletuner";
/** S3's limit for metadata, names and values together. */
const maxMetadataBytes = 2048;
/** A version that is being written may still become the current one for so long. */
const unfinishedMs = 24 * 3_600_000;
const maxEntries = 50;

/** A fresh name for a version that is about to be written. */
export function newVersionId(): string {
  return randomBytes(12).toString("base64url");
}

/** The mark for a version whose description is known before its bytes are sent; a long one needs a record. */
export function inlineMark(id: string, description: Description, native: ObjectDescription): VersionMark {
  const mark = { id, description };
  const ours = metadataName.length + encodeMark(mark).length;
  return ours + metadataBytes(nativeMetadata(native)) <= maxMetadataBytes ? mark : { id, description: null };
}

/** Fields of a write request: the mark, and what other readers of the bucket can understand. */
export function writeFields(
  mark: VersionMark,
  described: ObjectDescription,
): Pick<
  PutObjectCommandInput,
  "Metadata" | "ContentType" | "CacheControl" | "ContentDisposition" | "ContentEncoding" | "ContentLanguage"
> {
  const text = encodeMark(mark);
  const native = nativeMetadata(described);
  const hasRoom = metadataName.length + text.length + metadataBytes(native) <= maxMetadataBytes;
  const { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage } =
    described.headers;
  return {
    Metadata: { ...(hasRoom ? native : {}), [metadataName]: text },
    ...(isHeaderValue(contentType) && { ContentType: contentType }),
    ...(isHeaderValue(cacheControl) && { CacheControl: cacheControl }),
    ...(isHeaderValue(contentDisposition) && { ContentDisposition: contentDisposition }),
    ...(isHeaderValue(contentEncoding) && { ContentEncoding: contentEncoding }),
    ...(isHeaderValue(contentLanguage) && { ContentLanguage: contentLanguage }),
  };
}

function encodeMark(mark: VersionMark): string {
  return Buffer.from(JSON.stringify(mark)).toString("base64url");
}

function nativeMetadata({ userMetadata }: ObjectDescription): Record<string, string> {
  return Object.fromEntries(
    Object.entries(userMetadata).filter(
      ([name, value]) => /^[a-z0-9._-]+$/.test(name) && name !== metadataName && isHeaderValue(value),
    ),
  );
}

function isHeaderValue(value: string | undefined): value is string {
  return value !== undefined && /^[!-~]([ -~]*[!-~])?$/.test(value);
}

function metadataBytes(metadata: Record<string, string>): number {
  return Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** The mark of a version that was found; one that others wrote is named by its ETag. */
export function markOf(found: HeadObjectCommandOutput | GetObjectCommandOutput): VersionMark {
  const text = found.Metadata?.[metadataName];
  const mark = text === undefined ? null : parseMark(text);
  return mark ?? { id: `etag:${plainEtag(found.ETag)}`, description: foreignDescription(found) };
}

function parseMark(text: string): VersionMark | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (typeof value !== "object" || value === null || !("id" in value) || typeof value.id !== "string")
      return null;
    const description = "description" in value && isDescription(value.description) ? value.description : null;
    return { id: value.id, description };
  } catch {
    return null;
  }
}

function isDescription(value: unknown): value is Description {
  return (
    typeof value === "object" &&
    value !== null &&
    "headers" in value &&
    "userMetadata" in value &&
    "checksums" in value
  );
}

/** As the service tells it: for what other programs put into the bucket, and should a record be lost. */
export function foreignDescription(found: HeadObjectCommandOutput | GetObjectCommandOutput): Description {
  const headers: ContentHeaders = {
    ...(found.ContentType !== undefined && { contentType: found.ContentType }),
    ...(found.CacheControl !== undefined && { cacheControl: found.CacheControl }),
    ...(found.ContentDisposition !== undefined && { contentDisposition: found.ContentDisposition }),
    ...(found.ContentEncoding !== undefined && { contentEncoding: found.ContentEncoding }),
    ...(found.ContentLanguage !== undefined && { contentLanguage: found.ContentLanguage }),
    ...(found.ExpiresString !== undefined && { expires: found.ExpiresString }),
  };
  const { [metadataName]: _mark, ...userMetadata } = found.Metadata ?? {};
  return { headers, userMetadata, checksums: {}, checksumType: "FULL_OBJECT", partRuns: [] };
}

/** Descriptions that are not in the object's own metadata: one document per key, beside the objects. */
export interface Records {
  /** By the id of a version. */
  read(bucket: string, key: string): Promise<ReadonlyMap<string, Description>>;
  /**
   * Must be written before its version becomes visible. Keeps the entry of the current version (`currentId`) and of
   * versions that may still be on their way. Two servers that write the same key in the same moment may lose one
   * entry; that version is then described as far as the service knows it.
   */
  write(
    bucket: string,
    key: string,
    entry: { id: string; description: Description },
    currentId: string | null,
  ): Promise<void>;
  /** Drops the entry of a version that was deleted, and the document with its last entry. */
  forget(bucket: string, key: string, id: string): Promise<void>;
  /** Name of the document. */
  nameOf(bucket: string, key: string): string;
}

/** See {@link Records}; writers of one key in this process take turns. */
export function records(connection: Connection, clock: () => number): Records {
  const turns = new Map<string, Promise<void>>();
  const nameOf = (bucket: string, key: string): string => connection.own("records", bucket, keyDigest(key));
  const entriesOf = async (name: string): Promise<RecordEntry[]> => {
    const document = await connection.readDocument(name);
    return Array.isArray(document?.value) ? document.value.filter(isEntry) : [];
  };
  const inTurn = async (name: string, work: () => Promise<void>): Promise<void> => {
    const turn = (turns.get(name) ?? Promise.resolve()).catch(() => undefined).then(work);
    turns.set(name, turn);
    try {
      await turn;
    } finally {
      if (turns.get(name) === turn) turns.delete(name);
    }
  };
  return {
    nameOf,
    async read(bucket, key) {
      return new Map((await entriesOf(nameOf(bucket, key))).map(({ id, description }) => [id, description]));
    },
    async write(bucket, key, { id, description }, currentId) {
      const name = nameOf(bucket, key);
      await inTurn(name, async () => {
        const nowMs = clock();
        const others = (await entriesOf(name)).filter(
          (entry) => entry.id !== id && (entry.id === currentId || nowMs - entry.atMs < unfinishedMs),
        );
        others.sort((left, right) => Number(right.id === currentId) - Number(left.id === currentId));
        await connection.writeDocument(
          name,
          [{ id, atMs: nowMs, description }, ...others].slice(0, maxEntries),
        );
      });
    },
    async forget(bucket, key, id) {
      const name = nameOf(bucket, key);
      await inTurn(name, async () => {
        const nowMs = clock();
        const others = (await entriesOf(name)).filter(
          (entry) => entry.id !== id && nowMs - entry.atMs < unfinishedMs,
        );
        if (others.length === 0) await connection.remove([name]);
        else await connection.writeDocument(name, others);
      });
    },
  };
}

function isEntry(value: unknown): value is RecordEntry {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "atMs" in value &&
    "description" in value &&
    isDescription(value.description)
  );
}
