import { expectedS3Error, S3Error } from "./s3-errors.ts";
import { checksumHeaders, describeObject, writeConditions } from "./object-headers.ts";
import { readSmallBody } from "./request-body.ts";
import { assertBodyIsDelimited, bodyOf, type S3Exchange, uploadReporter } from "./s3-exchange.ts";
import { headerOf } from "./s3-request.ts";
import { sendEmpty, sendJson, sendXml } from "./s3-response.ts";
import { childText, element, parseXml } from "./s3-xml.ts";

/** 1,000 keys of 1,024 bytes, each byte written as a reference, fit. */
const maxDeleteListBytes = 8 * 1024 * 1024;
/** S3's limit. */
const maxDeletedKeys = 1000;

/** PutObject: everything that can be refused is refused before the client is told to send the body. */
export async function putObject(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage, listeners } = exchange;
  const { bucket } = request;
  if (headerOf(request.message, "x-amz-copy-source") !== undefined) throw new S3Error("NotImplemented");
  const key = await access.storedKey(bucket, request.key, "write");
  assertBodyIsDelimited(exchange);
  const description = describeObject(request.message);
  const conditions = writeConditions(request.message);
  const reporter = uploadReporter(exchange, bucket, key);
  const body = bodyOf(exchange, { onBytes: reporter.onBytes });
  await assertWanted(exchange, key);
  await storage.checkSpace(body.declaredBytes ?? 0);
  const giveBack = exchange.slots.take();
  let isStored = false;
  try {
    exchange.sendContinue();
    const { chunks, expectedMd5, checksums } = body;
    const stored = await storage.putObject({
      bucket,
      key,
      ...description,
      body: chunks,
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
  await storage.deleteObject(request.bucket, key);
  sendEmpty(response, 204);
}

/** DeleteObjects: each key succeeds or fails by itself. Content-MD5 is checked when sent, never demanded. */
export async function deleteObjects(exchange: S3Exchange): Promise<void> {
  const { request, response } = exchange;
  const body = bodyOf(exchange);
  exchange.sendContinue();
  const document = parseXml(await readSmallBody(body, maxDeleteListBytes));
  const keys = document.children
    .filter((child) => child.name === "Object")
    .map((child) => childText(child, "Key"));
  if (document.name !== "Delete" || keys.length === 0 || keys.length > maxDeletedKeys)
    throw new S3Error("MalformedXML");
  const isQuiet = childText(document, "Quiet")?.trim().toLowerCase() === "true";
  const deleted: string[] = [];
  const problems: { Key: string; Code: string; Message: string }[] = [];
  for (const key of keys) {
    if (key === undefined || key === "") throw new S3Error("MalformedXML");
    const problem = await deleteOne(exchange, key);
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

async function deleteOne(exchange: S3Exchange, key: string): Promise<S3Error | null> {
  const { request, access, storage } = exchange;
  try {
    await storage.deleteObject(request.bucket, await access.storedKey(request.bucket, key, "delete"));
    return null;
  } catch (error) {
    const expected = expectedS3Error(error);
    if (expected === null || expected.code === "NoSuchBucket") throw error;
    return expected;
  }
}
