import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DeleteConditions, ObjectInfo, ObjectStorage } from "../storage.ts";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { assertKey } from "../object-names.ts";
import { bucketDocuments, type Buckets } from "./buckets.ts";
import { connect, type ExternalBucket } from "./connection.ts";
import { records } from "./descriptions.ts";
import { deleteObjects, listObjects, usage } from "./object-lists.ts";
import { putObject, quoted } from "./object-writing.ts";
import { presignedAddress } from "./presigned-address.ts";
import { sweep } from "./sweeping.ts";
import { completeUpload } from "./upload-completion.ts";
import {
  abortState,
  createUpload,
  findState,
  listParts,
  listStates,
  putPart,
  requireState,
} from "./uploads.ts";
import { findVersion, openVersion, type ReadingParts } from "./versions.ts";

/** S3's most for a key, our prefix included. */
const maxNameBytes = 1024;

/** Settings of {@link openS3Storage}. */
export interface S3StorageOptions extends ExternalBucket {
  /** `redirect`: readers may be sent to the external bucket with a presigned address; default `proxy`. */
  downloads?: "proxy" | "redirect";
  /** Epoch milliseconds. */
  clock?: () => number;
}

/** Storage in a bucket of any S3 service. */
export interface S3Storage extends ObjectStorage {
  /** An address outside of this server that gives the object to whoever has it for so long, a week at most. */
  shareUrl(bucket: string, key: string, validSeconds: number): Promise<string>;
  /** Ends the connections. */
  close(): void;
}

interface StorageParts extends ReadingParts {
  buckets: Buckets;
  clock: () => number;
}

/**
 * Storage in one external bucket that any number of servers share: the object `key` of the port's bucket is
 * `<prefix>/<bucket>/<key>` there, everything else is below `<prefix>/.simpletuner/`. Nothing is kept on this machine
 * and nothing is sent before the first call. Failures of the service are `storage_unreachable`, `storage_busy` and
 * `storage_refused`.
 */
export function openS3Storage(options: S3StorageOptions): S3Storage {
  const clock = options.clock ?? Date.now;
  const connection = connect(options);
  const parts: StorageParts = {
    connection,
    clock,
    records: records(connection, clock),
    buckets: bucketDocuments(connection, clock),
    nameOf: (bucket, key) => `${connection.root}${bucket}/${key}`,
  };
  return {
    ...bucketPart(parts),
    ...objectPart(parts),
    ...uploadPart(parts),
    ...(options.downloads === "redirect" && {
      async presignedUrl(bucket, key, parameters) {
        const name = parts.nameOf(bucket, key);
        return presignedAddress(options, name, parameters, await connection.signer(), clock());
      },
    }),
    async shareUrl(bucket, key, validSeconds) {
      const name = parts.nameOf(bucket, key);
      return presignedAddress(options, name, new Map(), await connection.signer(), clock(), validSeconds);
    },
    // The service tells when it is full; nobody can ask before.
    async checkSpace() {},
    async sweep() {
      const buckets = await parts.buckets.list();
      await sweep(
        parts,
        buckets.map(({ name }) => name),
        clock(),
      );
    },
    close: () => connection.close(),
  };
}

type BucketPart = Pick<
  ObjectStorage,
  "createBucket" | "changeBucket" | "deleteBucket" | "findBucket" | "listBuckets"
>;

function bucketPart(parts: StorageParts): BucketPart {
  const { buckets } = parts;
  return {
    createBucket: (bucket) => buckets.create(bucket),
    changeBucket: (bucket, change) => buckets.change(bucket, change),
    async deleteBucket(bucket) {
      await buckets.require(bucket);
      const { objects } = await listObjects(parts, { bucket, maxKeys: 1 });
      if (objects.length > 0) throw fail("bucket_not_empty", { bucket });
      for (const state of await listStates(parts, bucket, "")) await abortState(parts, state);
      await buckets.remove(bucket);
    },
    findBucket: (bucket) => buckets.find(bucket),
    listBuckets: () => buckets.list(),
  };
}

type ObjectPart = Pick<
  ObjectStorage,
  | "putObject"
  | "headObject"
  | "getObject"
  | "changeObject"
  | "deleteObject"
  | "listObjects"
  | "deletePrefix"
  | "usage"
>;

function objectPart(parts: StorageParts): ObjectPart {
  const { buckets } = parts;
  return {
    async putObject(input) {
      assertName(parts, input.bucket, input.key);
      await buckets.require(input.bucket);
      return putObject(parts, input);
    },
    async headObject(bucket, key) {
      await buckets.require(bucket);
      return isName(parts, bucket, key) ? ((await findVersion(parts, bucket, key))?.info ?? null) : null;
    },
    async getObject(bucket, key) {
      await buckets.require(bucket);
      return isName(parts, bucket, key) ? openVersion(parts, bucket, key) : null;
    },
    async changeObject(bucket, key, change) {
      await buckets.require(bucket);
      const found = isName(parts, bucket, key) ? await findVersion(parts, bucket, key) : null;
      if (found === null) throw fail("object_not_found", { bucket, key });
      const { bucket: _b, key: _k, sizeBytes: _s, etag: _e, lastModifiedMs: _l, ...described } = found.info;
      await parts.records.write(
        bucket,
        key,
        { id: found.id, description: { ...described, ...change } },
        found.id,
      );
      return { ...found.info, ...change };
    },
    async deleteObject(bucket, key, conditions) {
      await buckets.require(bucket);
      return isName(parts, bucket, key) && deleteObject(parts, bucket, key, conditions);
    },
    async listObjects(query) {
      await buckets.require(query.bucket);
      return listObjects(parts, query);
    },
    async deletePrefix(bucket, prefix) {
      await buckets.require(bucket);
      for (const state of await listStates(parts, bucket, prefix)) await abortState(parts, state);
      return { deletedObjects: await deleteObjects(parts, bucket, prefix) };
    },
    async usage(bucket, prefix) {
      await buckets.require(bucket);
      return usage(parts, bucket, prefix);
    },
  };
}

/** The condition on the ETag is left to the service as well, the others it does not know. */
async function deleteObject(
  parts: ReadingParts,
  bucket: string,
  key: string,
  conditions: DeleteConditions | undefined,
): Promise<boolean> {
  const found = await findVersion(parts, bucket, key);
  if (found === null) return false;
  if (conditions !== undefined) assertDeletable(found.info, conditions);
  const IfMatch = conditions?.ifMatch === undefined ? undefined : quoted(found.info.etag);
  await parts.connection.call((client, Bucket) =>
    client.send(new DeleteObjectCommand({ Bucket, Key: parts.nameOf(bucket, key), IfMatch })),
  );
  if (found.isInRecord) await parts.records.forget(bucket, key, found.id);
  return true;
}

/** Throws unless the object is the one that the client means. */
function assertDeletable(current: ObjectInfo, conditions: DeleteConditions): void {
  const { ifMatch, ifLastModifiedMs, ifSizeBytes } = conditions;
  const inSeconds = (ms: number): number => Math.floor(ms / 1000);
  if (ifMatch !== undefined && !ifMatch.includes("*") && !ifMatch.includes(current.etag))
    throw fail("object_precondition_failed", { condition: "If-Match" });
  if (ifLastModifiedMs !== undefined && inSeconds(ifLastModifiedMs) !== inSeconds(current.lastModifiedMs))
    throw fail("object_precondition_failed", { condition: "If-Match-Last-Modified-Time" });
  if (ifSizeBytes !== undefined && ifSizeBytes !== current.sizeBytes)
    throw fail("object_precondition_failed", { condition: "If-Match-Size" });
}

type UploadPart = Pick<
  ObjectStorage,
  "createUpload" | "findUpload" | "listUploads" | "putPart" | "listParts" | "completeUpload" | "abortUpload"
>;

function uploadPart(parts: StorageParts): UploadPart {
  return {
    async createUpload(input) {
      assertName(parts, input.bucket, input.key);
      await parts.buckets.require(input.bucket);
      return createUpload(parts, input, parts.clock());
    },
    findUpload: async (ref) => (await findState(parts, ref))?.info ?? null,
    async listUploads(bucket, prefix) {
      return (await listStates(parts, bucket, prefix)).map(({ info }) => info);
    },
    putPart: (input) => putPart(parts, input, parts.clock),
    listParts: async (ref) => listParts(parts, await requireState(parts, ref)),
    async completeUpload(input) {
      await parts.buckets.require(input.bucket);
      return completeUpload(parts, input);
    },
    abortUpload: async (ref) => abortState(parts, await requireState(parts, ref)),
  };
}

function assertName({ nameOf }: ReadingParts, bucket: string, key: string): void {
  assertKey(key, maxNameBytes - Buffer.byteLength(nameOf(bucket, "")));
}

/** What cannot be a name of the service was never stored. */
function isName({ nameOf }: ReadingParts, bucket: string, key: string): boolean {
  return key !== "" && key.isWellFormed() && Buffer.byteLength(nameOf(bucket, key)) <= maxNameBytes;
}
