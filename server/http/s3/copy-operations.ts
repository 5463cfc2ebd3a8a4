import type {
  Body,
  ChecksumAlgorithm,
  Checksums,
  ObjectDescription,
  ObjectInfo,
} from "../../adapters/storage/storage.ts";
import { cannedAclOf } from "./canned-acl.ts";
import { checksumAlgorithms, checksumHasher } from "./checksums.ts";
import { copyRangeOf, type CopySource, findCopySource, withCopySource } from "./copy-source.ts";
import {
  algorithmOf,
  checksumElements,
  partNumberOf,
  requireUpload,
  uploadRef,
} from "./multipart-operations.ts";
import { objectBody } from "./object-body.ts";
import { describeObject, writeConditions } from "./object-headers.ts";
import { answerPatiently } from "./patient-answer.ts";
import { S3Error } from "./s3-errors.ts";
import { type S3Exchange, uploadReporter } from "./s3-exchange.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { type Content, element } from "./s3-xml.ts";

/** CopyObject: streams the source into the target, of which the client sees nothing before it is whole. */
export async function copyObject(exchange: S3Exchange): Promise<void> {
  const { request, access, storage, listeners } = exchange;
  const { bucket } = request;
  const key = await access.storedKey(bucket, request.key, "write");
  const source = await findCopySource(exchange);
  assertChangesSomething(request, source, key);
  const conditions = writeConditions(request.message);
  const giveBack = exchange.slots.take();
  const reporter = uploadReporter(exchange, bucket, key);
  let isStored = false;
  try {
    await answerPatiently(exchange, "CopyObjectResult", () =>
      withCopySource(exchange, source, async (object) => {
        const { info } = object;
        await storage.checkSpace(info.sizeBytes);
        const copy = checkedCopy(objectBody(object, { start: 0, end: info.sizeBytes }), {
          algorithms: algorithmsOf(request, info),
          known: info.checksumType === "FULL_OBJECT" ? info.checksums : {},
          onBytes: reporter.onBytes,
        });
        const description = describeCopy(exchange, info);
        const declaredBytes = info.sizeBytes;
        const stored = await storage.putObject({
          bucket,
          key,
          ...description,
          ...copy,
          declaredBytes,
          conditions,
        });
        isStored = true;
        const { sizeBytes, etag } = stored;
        await listeners.onObjectStored?.({ jobId: access.jobId, bucket, key, sizeBytes, etag });
        return resultContent(stored);
      }),
    );
  } finally {
    giveBack();
    reporter.finish(isStored);
  }
}

/** S3 refuses a copy of an object onto itself that leaves everything as it is. */
function assertChangesSomething(request: S3Request, source: CopySource, key: string): void {
  const isItself = source.bucket === request.bucket && source.key === key;
  if (isItself && !isReplacing(request, "x-amz-metadata-directive"))
    throw new S3Error(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata.",
    );
}

function isReplacing({ message }: S3Request, header: string): boolean {
  const directive = headerOf(message, header) ?? "COPY";
  if (directive !== "COPY" && directive !== "REPLACE")
    throw new S3Error("InvalidArgument", `${header} must be COPY or REPLACE.`);
  return directive === "REPLACE";
}

/** The access list is never copied: a copy is private unless the request says otherwise. */
function describeCopy({ request, allowPublicAcls }: S3Exchange, info: ObjectInfo): ObjectDescription {
  const given = describeObject(request.message, allowPublicAcls);
  const isNew = isReplacing(request, "x-amz-metadata-directive");
  const hasNewTags = isReplacing(request, "x-amz-tagging-directive");
  return {
    headers: isNew ? given.headers : info.headers,
    userMetadata: isNew ? given.userMetadata : info.userMetadata,
    tags: hasNewTags ? given.tags : info.tags,
    acl: cannedAclOf(request.message, allowPublicAcls),
  };
}

/** What the copy's bytes are summed with: what the request names, else what the source was stored with. */
function algorithmsOf(request: S3Request, info: ObjectInfo): ChecksumAlgorithm[] {
  const wanted = algorithmOf(request);
  return wanted === null
    ? checksumAlgorithms.filter((known) => info.checksums[known] !== undefined)
    : [wanted];
}

/** `body` with checksums over it; throws at its end when the source no longer has one that is known of it. */
function checkedCopy(
  body: Body,
  options: {
    algorithms: readonly ChecksumAlgorithm[];
    known: Checksums;
    onBytes: (count: number) => void;
  },
): { body: Body; checksums: () => Checksums } {
  const found: Checksums = {};
  async function* summed(): Body {
    const hashers = options.algorithms.map((algorithm) => ({ algorithm, hasher: checksumHasher(algorithm) }));
    for await (const chunk of body) {
      for (const { hasher } of hashers) hasher.update(chunk);
      options.onBytes(chunk.length);
      yield chunk;
    }
    for (const { algorithm, hasher } of hashers) {
      found[algorithm] = hasher.digest();
      if ((options.known[algorithm] ?? found[algorithm]) !== found[algorithm])
        throw new Error(`The stored source no longer has the ${algorithm} that it was stored with.`);
    }
  }
  return { body: summed(), checksums: () => found };
}

/** UploadPartCopy. */
export async function copyPart(exchange: S3Exchange): Promise<void> {
  const { request, storage } = exchange;
  const ref = await uploadRef(exchange, "write");
  const partNumber = partNumberOf(request);
  const source = await findCopySource(exchange);
  const upload = await requireUpload(exchange, ref);
  const giveBack = exchange.slots.take();
  const reporter = uploadReporter(exchange, ref.bucket, ref.key);
  try {
    await answerPatiently(exchange, "CopyPartResult", () =>
      withCopySource(exchange, source, async (object) => {
        const range = copyRangeOf(exchange, object.info);
        const declaredBytes = range.end - range.start;
        await storage.checkSpace(declaredBytes);
        const isWhole = declaredBytes === object.info.sizeBytes && object.info.checksumType === "FULL_OBJECT";
        const copy = checkedCopy(objectBody(object, range), {
          algorithms: upload.checksumAlgorithm === null ? [] : [upload.checksumAlgorithm],
          known: isWhole ? object.info.checksums : {},
          onBytes: reporter.onBytes,
        });
        return resultContent(await storage.putPart({ ...ref, partNumber, declaredBytes, ...copy }));
      }),
    );
  } finally {
    giveBack();
    reporter.finish(false);
  }
}

function resultContent(stored: { lastModifiedMs: number; etag: string; checksums: Checksums }): Content[] {
  return [
    element("LastModified", new Date(stored.lastModifiedMs).toISOString()),
    element("ETag", `"${stored.etag}"`),
    ...checksumElements(stored.checksums),
  ];
}
