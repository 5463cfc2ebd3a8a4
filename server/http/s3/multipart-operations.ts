import type {
  Body,
  ChecksumAlgorithm,
  ChecksumType,
  Checksums,
  ObjectInfo,
  PartInfo,
  UploadInfo,
  UploadRef,
} from "../../adapters/storage/storage.ts";
import {
  checksumAlgorithms,
  checksumHeader,
  defaultChecksumType,
  isChecksumTypePossible,
  joinChecksums,
} from "./checksums.ts";
import { checksumHeaders, describeObject, unquoteEtag, writeConditions } from "./object-headers.ts";
import { answerPatiently } from "./patient-answer.ts";
import { readSmallBody } from "./request-body.ts";
import { S3Error } from "./s3-errors.ts";
import { assertBodyIsDelimited, bodyOf, type S3Exchange, uploadReporter } from "./s3-exchange.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { childText, type Content, element, parseXml, type XmlElement } from "./s3-xml.ts";

/** 10,000 parts with checksums, pretty-printed, fit. */
const maxPartListBytes = 8 * 1024 * 1024;

/** CreateMultipartUpload. */
export async function createUpload(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const { bucket } = request;
  const key = await access.storedKey(bucket, request.key, "write");
  const checksumAlgorithm = algorithmOf(request);
  const checksumType = checksumTypeOf(request, checksumAlgorithm);
  const description = describeObject(request.message, exchange.allowPublicAcls);
  const upload = await storage.createUpload({ bucket, key, ...description, checksumAlgorithm, checksumType });
  const fields = [
    element("Bucket", bucket),
    element("Key", request.key),
    element("UploadId", upload.uploadId),
  ];
  sendXml(response, 200, "InitiateMultipartUploadResult", fields, {
    "x-amz-checksum-algorithm": checksumAlgorithm ?? undefined,
    "x-amz-checksum-type": checksumAlgorithm === null ? undefined : checksumType,
  });
}

/** The algorithm of x-amz-checksum-algorithm, null when it was not sent. */
export function algorithmOf(request: S3Request): ChecksumAlgorithm | null {
  const name = headerOf(request.message, "x-amz-checksum-algorithm")?.toUpperCase();
  if (name === undefined) return null;
  const algorithm = checksumAlgorithms.find((known) => known === name);
  if (algorithm === undefined)
    throw new S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.");
  return algorithm;
}

function checksumTypeOf(request: S3Request, algorithm: ChecksumAlgorithm | null): ChecksumType {
  const name = headerOf(request.message, "x-amz-checksum-type")?.toUpperCase();
  if (name === undefined) return defaultChecksumType(algorithm);
  if (
    algorithm === null ||
    (name !== "COMPOSITE" && name !== "FULL_OBJECT") ||
    !isChecksumTypePossible(algorithm, name)
  ) {
    throw new S3Error("InvalidRequest", "The checksum type does not go with the checksum algorithm.");
  }
  return name;
}

/** The upload that a request names, with its stored key; nothing is looked up. */
export async function uploadRef(exchange: S3Exchange, action: "read" | "write"): Promise<UploadRef> {
  const { request, access } = exchange;
  const key = await access.storedKey(request.bucket, request.key, action);
  return { bucket: request.bucket, key, uploadId: request.query.get("uploadId") ?? "" };
}

/** The open upload, or NoSuchUpload. */
export async function requireUpload(exchange: S3Exchange, ref: UploadRef): Promise<UploadInfo> {
  const upload = await exchange.storage.findUpload(ref);
  if (upload === null) throw new S3Error("NoSuchUpload");
  return upload;
}

/** The number of the part that a request brings. */
export function partNumberOf(request: S3Request): number {
  const partNumber = Number(request.query.get("partNumber"));
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= 10_000) return partNumber;
  throw new S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
}

/** UploadPart. */
export async function putPart(exchange: S3Exchange): Promise<void> {
  const { request, response, storage } = exchange;
  const ref = await uploadRef(exchange, "write");
  const partNumber = partNumberOf(request);
  assertBodyIsDelimited(exchange);
  const upload = await requireUpload(exchange, ref);
  const reporter = uploadReporter(exchange, ref.bucket, ref.key);
  const body = bodyOf(exchange, { alsoCompute: upload.checksumAlgorithm, onBytes: reporter.onBytes });
  await storage.checkSpace(body.declaredBytes ?? 0, ref);
  const giveBack = exchange.slots.take();
  try {
    exchange.sendContinue();
    const { declaredBytes, expectedMd5, checksums } = body;
    const part = await storage.putPart({
      ...ref,
      partNumber,
      body: upload.checksumAlgorithm?.startsWith("SHA") ? unvouched(body.chunks) : body.chunks,
      declaredBytes,
      expectedMd5,
      checksums,
    });
    const { "x-amz-checksum-type": _type, ...headers } = checksumHeaders({
      ...part,
      checksumType: "FULL_OBJECT",
    });
    sendEmpty(response, 200, { ETag: `"${part.etag}"`, ...headers });
  } finally {
    giveBack();
    reporter.finish(false);
  }
}

/**
 * `body` with nobody vouching for it, so that its ETag is its MD5 whatever else it was summed with. Clients of
 * uploads with hashes compare the ETag of the whole with the MD5s of their parts.
 */
function unvouched(body: Body): Body {
  return {
    release: (chunk) => body.release?.(chunk),
    [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
  };
}

/** CompleteMultipartUpload; repeated, it answers as the first time. */
export async function completeUpload(exchange: S3Exchange): Promise<void> {
  const { request, response, access, listeners } = exchange;
  const ref = await uploadRef(exchange, "write");
  const body = bodyOf(exchange, { ignoresChecksumHeaders: true });
  exchange.sendContinue();
  const chosen = parsePartList(await readSmallBody(body, maxPartListBytes));
  await answerPatiently(exchange, "CompleteMultipartUploadResult", async () => {
    const stored = await complete(exchange, ref, chosen);
    const { sizeBytes, etag } = stored;
    await listeners.onObjectStored?.({
      jobId: access.jobId,
      bucket: ref.bucket,
      key: ref.key,
      sizeBytes,
      etag,
    });
    uploadReporter(exchange, ref.bucket, ref.key).finish(true);
    return [
      element("Location", `http://${request.message.headers.host ?? ""}${request.rawPath}`),
      element("Bucket", request.bucket),
      element("Key", request.key),
      element("ETag", `"${etag}"`),
      ...checksumElements(stored.checksums),
      Object.keys(stored.checksums).length > 0 ? element("ChecksumType", stored.checksumType) : null,
    ];
  });
  if (!response.writableEnded) response.end();
}

async function complete(exchange: S3Exchange, ref: UploadRef, chosen: ListedPart[]): Promise<ObjectInfo> {
  const { storage, request } = exchange;
  const upload = await storage.findUpload(ref);
  const conditions = writeConditions(request.message);
  // Without an open upload this is the repetition of a request that succeeded, or an error.
  if (upload === null)
    return storage.completeUpload({ ...ref, parts: chosen, checksums: {}, checksumType: "COMPOSITE" });
  const stored = new Map((await storage.listParts(ref)).map((part) => [part.partNumber, part]));
  const parts = chosen.flatMap(({ partNumber }) => stored.get(partNumber) ?? []);
  for (const listed of chosen) assertChecksumsAgree(listed, stored.get(listed.partNumber));
  const { checksumAlgorithm, checksumType } = upload;
  const checksums = checksumAlgorithm === null ? {} : joinChecksums(checksumAlgorithm, checksumType, parts);
  assertDeclaredChecksum(request, checksums);
  return storage.completeUpload({ ...ref, parts: chosen, checksums, checksumType, conditions });
}

interface ListedPart {
  partNumber: number;
  etag: string;
  checksums: Checksums;
}

function parsePartList(xml: string): ListedPart[] {
  const document = parseXml(xml);
  const parts = document.children.filter((child) => child.name === "Part").map(parsePart);
  if (document.name !== "CompleteMultipartUpload" || parts.length === 0) throw new S3Error("MalformedXML");
  // A client that sent a part twice may list both answers; the later one counts.
  return [...new Map(parts.map((part) => [part.partNumber, part])).values()];
}

function parsePart(part: XmlElement): ListedPart {
  const number = childText(part, "PartNumber")?.trim() ?? "";
  const etag = childText(part, "ETag");
  if (!/^\d{1,5}$/.test(number) || etag === undefined) throw new S3Error("MalformedXML");
  const checksums: Checksums = {};
  for (const algorithm of checksumAlgorithms) {
    const value = childText(part, `Checksum${algorithm}`)?.trim();
    if (value !== undefined && value !== "") checksums[algorithm] = value;
  }
  return { partNumber: Number(number), etag: unquoteEtag(etag), checksums };
}

function assertChecksumsAgree(listed: ListedPart, stored: PartInfo | undefined): void {
  for (const algorithm of checksumAlgorithms) {
    const known = stored?.checksums[algorithm];
    const claimed = listed.checksums[algorithm];
    if (known !== undefined && claimed !== undefined && known !== claimed) throw new S3Error("InvalidPart");
  }
}

/** A checksum of the whole object may come as a header; with or without the number of parts behind it. */
function assertDeclaredChecksum(request: S3Request, checksums: Checksums): void {
  for (const algorithm of checksumAlgorithms) {
    const declared = headerOf(request.message, checksumHeader(algorithm));
    const known = checksums[algorithm];
    if (declared === undefined || known === undefined) continue;
    if (declared !== known && declared !== known.replace(/-\d+$/, "")) throw new S3Error("BadDigest");
  }
}

/** AbortMultipartUpload. */
export async function abortUpload(exchange: S3Exchange): Promise<void> {
  const ref = await uploadRef(exchange, "write");
  await exchange.storage.abortUpload(ref);
  sendEmpty(exchange.response, 204);
}

/** `ChecksumCRC32` and its like, for those that are known. */
export function checksumElements(checksums: Checksums): Content[] {
  return checksumAlgorithms.map((algorithm) => {
    const value = checksums[algorithm];
    return value === undefined ? null : element(`Checksum${algorithm}`, value);
  });
}
