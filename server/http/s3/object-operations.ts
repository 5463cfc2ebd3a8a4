import type { DeleteConditions } from "../../adapters/storage/storage.ts";
import { expectedS3Error, S3Error } from "./s3-errors.ts";
import { checksumHeaders, describeObject, unquoteEtag, writeConditions } from "./object-headers.ts";
import { readSmallBody } from "./request-body.ts";
import { assertBodyIsDelimited, bodyOf, type S3Exchange, uploadReporter } from "./s3-exchange.ts";
import { headerOf } from "./s3-request.ts";
import { sendEmpty, sendJson, sendXml } from "./s3-response.ts";
import { childText, element, parseXml, type XmlElement } from "./s3-xml.ts";

/** 1,000 keys of 1,024 bytes, each byte written as a reference, fit. */
const maxDeleteListBytes = 8 * 1024 * 1024;
/** S3's limit. */
const maxDeletedKeys = 1000;

/** PutObject: everything that can be refused is refused before the client is told to send the body. */
export async function putObject(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage, listeners } = exchange;
  const { bucket } = request;
  const key = await access.storedKey(bucket, request.key, "write");
  assertBodyIsDelimited(exchange);
  const description = describeObject(request.message, exchange.allowPublicAcls);
  const conditions = writeConditions(request.message);
  const reporter = uploadReporter(exchange, bucket, key);
  const body = bodyOf(exchange, { onBytes: reporter.onBytes });
  await assertWanted(exchange, key);
  await storage.checkSpace(body.declaredBytes ?? 0, { bucket, key });
  const giveBack = exchange.slots.take();
  let isStored = false;
  try {
    exchange.sendContinue();
    const { chunks, declaredBytes, expectedMd5, checksums } = body;
    const stored = await storage.putObject({
      bucket,
      key,
      ...description,
      body: chunks,
      declaredBytes,
      expectedMd5,
      checksums,
      conditions,
    });
    isStored = true;
    const { sizeBytes, etag } = stored;
    await listeners.onObjectStored?.({ jobId: access.jobId, bucket, key, sizeBytes, etag });
    const headers = { ETag: `"${etag}"`, ...checksumHeaders(stored) };
    if (request.wantsJson)
      sendJson(response, 200, { ETag: `"${etag}"`, Key: request.key, Bucket: bucket }, headers);
    else sendEmpty(response, 200, headers);
  } finally {
    giveBack();
    reporter.finish(isStored);
  }
}

/** An early look, to spare the client the body; the storage looks again when the object is put in place. */
async function assertWanted(exchange: S3Exchange, key: string): Promise<void> {
  const { storage, request } = exchange;
  const { ifMatch, ifNoneMatch } = writeConditions(request.message);
  if (ifMatch === undefined && ifNoneMatch === undefined) {
    if ((await storage.findBucket(request.bucket)) === null) throw new S3Error("NoSuchBucket");
    return;
  }
  const current = await storage.headObject(request.bucket, key);
  const matches = (etags: readonly string[]): boolean =>
    current !== null && (etags.includes("*") || etags.includes(current.etag));
  if (ifMatch !== undefined && !matches(ifMatch)) {
    throw new S3Error(current === null ? "NoSuchKey" : "PreconditionFailed");
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch)) throw new S3Error("PreconditionFailed");
}

/** DeleteObject: 204 also when there was nothing. */
export async function deleteObject(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "delete");
  const { message } = request;
  const conditions = deleteConditions({
    etag: headerOf(message, "if-match"),
    lastModified: headerOf(message, "x-amz-if-match-last-modified-time"),
    size: headerOf(message, "x-amz-if-match-size"),
  });
  await storage.deleteObject(request.bucket, key, conditions);
  sendEmpty(response, 204);
}

/** DeleteObjects: each key succeeds or fails by itself. Content-MD5 is checked when sent, never demanded. */
export async function deleteObjects(exchange: S3Exchange): Promise<void> {
  const { request, response } = exchange;
  const body = bodyOf(exchange);
  exchange.sendContinue();
  const document = parseXml(await readSmallBody(body, maxDeleteListBytes));
  const entries = document.children.filter((child) => child.name === "Object").map(parseDeletion);
  if (document.name !== "Delete" || entries.length === 0 || entries.length > maxDeletedKeys)
    throw new S3Error("MalformedXML");
  const isQuiet = childText(document, "Quiet")?.trim().toLowerCase() === "true";
  const deleted: string[] = [];
  const problems: { Key: string; Code: string; Message: string }[] = [];
  for (const entry of entries) {
    const { key } = entry;
    const problem = await deleteOne(exchange, entry);
    if (problem === null) deleted.push(key);
    else problems.push({ Key: key, Code: problem.code, Message: problem.message });
  }
  if (request.wantsJson) {
    sendJson(response, 200, { Deleted: deleted.map((Key) => ({ Key })), Errors: problems });
    return;
  }
  sendXml(response, 200, "DeleteResult", [
    isQuiet ? null : deleted.map((key) => element("Deleted", element("Key", key))),
    problems.map((problem) =>
      element(
        "Error",
        Object.entries(problem).map(([name, text]) => element(name, text)),
      ),
    ),
  ]);
}

interface Deletion {
  key: string;
  versionId: string | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  size: string | undefined;
}

function parseDeletion(entry: XmlElement): Deletion {
  const key = childText(entry, "Key");
  if (key === undefined || key === "") throw new S3Error("MalformedXML");
  return {
    key,
    versionId: childText(entry, "VersionId")?.trim(),
    etag: childText(entry, "ETag"),
    lastModified: childText(entry, "LastModifiedTime"),
    size: childText(entry, "Size"),
  };
}

/** Undefined when nothing is asked of the object that goes. */
function deleteConditions(given: Omit<Deletion, "key" | "versionId">): DeleteConditions | undefined {
  const { etag, lastModified, size } = given;
  if (etag === undefined && lastModified === undefined && size === undefined) return undefined;
  const ifLastModifiedMs = lastModified === undefined ? undefined : Date.parse(lastModified);
  const ifSizeBytes = size === undefined ? undefined : Number(size);
  if (Number.isNaN(ifLastModifiedMs) || Number.isNaN(ifSizeBytes))
    throw new S3Error("InvalidArgument", "The condition for a deletion is not a time or a size.");
  return { ifMatch: etag?.split(",").map(unquoteEtag), ifLastModifiedMs, ifSizeBytes };
}

async function deleteOne(exchange: S3Exchange, entry: Deletion): Promise<S3Error | null> {
  const { request, access, storage } = exchange;
  try {
    const { key, versionId = "null" } = entry;
    if (versionId !== "null" && versionId !== "") throw new S3Error("NoSuchVersion");
    const storedKey = await access.storedKey(request.bucket, key, "delete");
    await storage.deleteObject(request.bucket, storedKey, deleteConditions(entry));
    return null;
  } catch (error) {
    const expected = expectedS3Error(error);
    if (expected === null || expected.code === "NoSuchBucket") throw error;
    return expected;
  }
}
