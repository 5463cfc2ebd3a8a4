import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectDescription, ObjectInfo, PutObject, WriteConditions } from "../storage.ts";
import { plainEtag } from "./connection.ts";
import { type Description, inlineMark, newVersionId, type VersionMark, writeFields } from "./descriptions.ts";
import { bodyPieces, type BodyPieces, sendStreamed } from "./streamed-body.ts";
import { currentId, type ReadingParts } from "./versions.ts";

const mebibyte = 1024 * 1024;
/** Up to here a body is held, so that it can be sent again and its description goes with it. */
const heldBytes = mebibyte;
/** S3's most for one request. */
const maxPutBytes = 5 * 1024 * mebibyte;
/** Of bodies of unknown length or over 5 GiB, held one at a time. */
const pieceBytes = 8 * mebibyte;
const maxPieces = 10_000;

/** Stores a body: held and sent at once when it is short, streamed when its length is known, else piece by piece. */
export async function putObject(parts: ReadingParts, input: PutObject): Promise<ObjectInfo> {
  const { declaredBytes } = input;
  if (typeof declaredBytes === "number" && declaredBytes > heldBytes && declaredBytes <= maxPutBytes)
    return putStreamed(parts, input, declaredBytes);
  const pieces = bodyPieces(input.body);
  try {
    const wanted = Math.max(pieceBytes, Math.ceil((declaredBytes ?? 0) / maxPieces));
    const first = await pieces.take(wanted);
    return first.isLast
      ? await putHeld(parts, input, first.piece)
      : await putPieces(parts, input, pieces, first.piece, wanted);
  } finally {
    await pieces.close();
  }
}

async function putHeld(parts: ReadingParts, input: PutObject, body: Buffer): Promise<ObjectInfo> {
  const md5 = createHash("md5").update(body).digest();
  if (input.expectedMd5 !== undefined && input.expectedMd5 !== md5.toString("hex"))
    throw fail("object_digest_mismatch");
  const description = describe(input);
  const mark = inlineMark(newVersionId(), description, input);
  if (mark.description === null) await record(parts, input, mark.id, description);
  const { ETag } = await conditional(input, () =>
    parts.connection.find((client, Bucket) =>
      client.send(
        new PutObjectCommand({
          ...writeFields(mark, input),
          ...conditionFields(input.conditions),
          Bucket,
          Key: parts.nameOf(input.bucket, input.key),
          Body: body,
          ContentMD5: md5.toString("base64"),
        }),
      ),
    ),
  );
  return written(input, description, body.length, plainEtag(ETag));
}

async function putStreamed(
  parts: ReadingParts,
  input: PutObject,
  declaredBytes: number,
): Promise<ObjectInfo> {
  const mark = { id: newVersionId(), description: null };
  let description: Description | null = null;
  const source = {
    body: input.body,
    declaredBytes,
    async beforeEnd() {
      description = describe(input);
      await record(parts, input, mark.id, description);
    },
  };
  const { ETag } = await conditional(input, () =>
    sendStreamed(source, (stream, abortSignal) =>
      parts.connection.find((client, Bucket) =>
        client.send(
          new PutObjectCommand({
            ...writeFields(mark, input),
            ...conditionFields(input.conditions),
            ...md5Field(input.expectedMd5),
            Bucket,
            Key: parts.nameOf(input.bucket, input.key),
            Body: stream,
            ContentLength: declaredBytes,
          }),
          { abortSignal },
        ),
      ),
    ),
  );
  return written(input, description ?? describe(input), declaredBytes, plainEtag(ETag));
}

/** As a multipart upload of the service that nobody else sees. */
async function putPieces(
  parts: ReadingParts,
  input: PutObject,
  pieces: BodyPieces,
  first: Buffer,
  wanted: number,
): Promise<ObjectInfo> {
  const { connection } = parts;
  const Key = parts.nameOf(input.bucket, input.key);
  const mark = { id: newVersionId(), description: null };
  const uploadId = await openUpload(parts, input.bucket, input.key, mark, input);
  try {
    const md5 = createHash("md5");
    const sent: { PartNumber: number; ETag: string | undefined }[] = [];
    let sizeBytes = 0;
    for (let next = { piece: first, isLast: false }; ; next = await pieces.take(wanted)) {
      const { piece } = next;
      if (sent.length === maxPieces) throw fail("body_length_required", { limit_bytes: sizeBytes });
      md5.update(piece);
      const part = { Key, UploadId: uploadId, PartNumber: sent.length + 1, Body: piece };
      const { ETag } = await connection.call((client, Bucket) =>
        client.send(new UploadPartCommand({ ...part, Bucket })),
      );
      sent.push({ PartNumber: part.PartNumber, ETag });
      sizeBytes += piece.length;
      if (next.isLast) break;
    }
    if (input.expectedMd5 !== undefined && input.expectedMd5 !== md5.digest("hex"))
      throw fail("object_digest_mismatch");
    const description = describe(input);
    await record(parts, input, mark.id, description);
    const etag = await completeExternal(parts, input, uploadId, sent);
    return written(input, description, sizeBytes, etag);
  } catch (error) {
    const aborted = { Key, UploadId: uploadId };
    // What cannot be aborted now, the sweep removes.
    await connection
      .call((client, Bucket) => client.send(new AbortMultipartUploadCommand({ ...aborted, Bucket })))
      .catch(() => undefined);
    throw error;
  }
}

/** Opens a multipart upload of the service; answers its id. */
export async function openUpload(
  { connection, nameOf }: ReadingParts,
  bucket: string,
  key: string,
  mark: VersionMark,
  described: ObjectDescription,
): Promise<string> {
  const input = { ...writeFields(mark, described), Key: nameOf(bucket, key) };
  const { UploadId } = await connection.call((client, Bucket) =>
    client.send(new CreateMultipartUploadCommand({ ...input, Bucket })),
  );
  if (UploadId === undefined) throw new Error("The external storage gave no upload id.");
  return UploadId;
}

/** Completes a multipart upload of the service; answers the object's ETag. */
export async function completeExternal(
  { connection, nameOf }: ReadingParts,
  target: { bucket: string; key: string; conditions?: WriteConditions },
  uploadId: string,
  parts: { PartNumber: number; ETag: string | undefined }[],
): Promise<string> {
  const { ETag } = await conditional(target, () =>
    connection.find((client, Bucket) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...conditionFields(target.conditions),
          Bucket,
          Key: nameOf(target.bucket, target.key),
          UploadId: uploadId,
          MultipartUpload: { Parts: parts },
        }),
      ),
    ),
  );
  return plainEtag(ETag);
}

/** Writes a description that is not in the object's metadata; before the version becomes visible. */
export async function record(
  parts: ReadingParts,
  { bucket, key }: { bucket: string; key: string },
  id: string,
  description: Description,
): Promise<void> {
  await parts.records.write(bucket, key, { id, description }, await currentId(parts, bucket, key));
}

function describe(input: PutObject): Description {
  const { headers, userMetadata, tags, acl } = input;
  const checksums = input.checksums?.() ?? {};
  return { headers, userMetadata, tags, acl, checksums, checksumType: "FULL_OBJECT", partRuns: [] };
}

function written(input: PutObject, description: Description, sizeBytes: number, etag: string): ObjectInfo {
  // The service counts its times in whole seconds where it tells them.
  const lastModifiedMs = Math.floor(Date.now() / 1000) * 1000;
  return { ...description, bucket: input.bucket, key: input.key, sizeBytes, etag, lastModifiedMs };
}

function conditionFields({ ifMatch, ifNoneMatch }: WriteConditions = {}): {
  IfMatch?: string;
  IfNoneMatch?: string;
} {
  return {
    ...(ifMatch !== undefined && { IfMatch: ifMatch.map(quoted).join(", ") }),
    ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch.map(quoted).join(", ") }),
  };
}

/** An ETag as a header carries it. */
export function quoted(etag: string): string {
  return etag === "*" ? etag : `"${etag}"`;
}

/** MD5 in hex as S3 wants it. */
export function md5Field(md5: string | undefined): { ContentMD5?: string } {
  return md5 === undefined ? {} : { ContentMD5: Buffer.from(md5, "hex").toString("base64") };
}

/** Says as the port does which condition failed; null from `work` is If-Match on an absent object. */
async function conditional<Output>(
  { bucket, key, conditions }: { bucket: string; key: string; conditions?: WriteConditions },
  work: () => Promise<Output | null>,
): Promise<Output> {
  const output = await work().catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== "object_precondition_failed") throw error;
    throw fail(error.code, { condition: conditions?.ifMatch === undefined ? "If-None-Match" : "If-Match" });
  });
  if (output === null) throw fail("object_not_found", { bucket, key });
  return output;
}
