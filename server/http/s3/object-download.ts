import type { ServerResponse } from "node:http";
import type { Checksums, ObjectInfo, ReadableObject } from "../../adapters/storage/storage.ts";
import { checksumHeaders, etagsOf, objectHeaders } from "./object-headers.ts";
import { findPart, partCount } from "./object-parts.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { type ResponseHeaders, sendEmpty, writeHead } from "./s3-response.ts";

/** Up to this length the body is sent together with the headers, in one packet where it fits. */
const oneWriteBytes = 64 * 1024;

/** Bytes [start, end) of the object, and what the answer says about them. */
interface Selection {
  status: 200 | 206;
  start: number;
  end: number;
  headers: ResponseHeaders;
  /** Those of exactly these bytes, where they are known. */
  checksums: Checksums;
}

/** GetObject and HeadObject: equal headers, with conditions, one range, a part, and overridden headers. */
export async function getObject(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "read");
  const object = await storage.getObject(request.bucket, key);
  if (object === null) throw new S3Error("NoSuchKey");
  try {
    const { info } = object;
    const headers = { ...objectHeaders(request, info), ...privacyHeaders(exchange) };
    if (isNotModified(request, info)) {
      const { "Content-Type": _type, ...unchanged } = headers;
      sendEmpty(response, 304, unchanged);
      return;
    }
    if (await isSentElsewhere(exchange, key)) return;
    const selection = selectBytes(request, info);
    const wantsChecksum = headerOf(request.message, "x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
    const { checksumType } = info;
    const checksums = wantsChecksum ? checksumHeaders({ checksums: selection.checksums, checksumType }) : {};
    writeHead(response, selection.status, {
      ...headers,
      ...checksums,
      ...selection.headers,
      "Content-Length": selection.end - selection.start,
    });
    if (request.method === "HEAD") response.end();
    else await sendBytes(response, object, selection, exchange.idleMs);
  } finally {
    await object.close();
  }
}

/** Sends browsers to where the object lies, if the storage wants that; S3 clients do not follow such answers. */
async function isSentElsewhere({ request, response, storage }: S3Exchange, key: string): Promise<boolean> {
  const { message, method, bucket, query } = request;
  const isSigned = message.headers.authorization !== undefined || query.has("partNumber");
  if (storage.presignedUrl === undefined || method !== "GET" || isSigned) return false;
  const parameters = new Map([...query].filter(([name]) => name.startsWith("response-")));
  const Location = await storage.presignedUrl(bucket, key, parameters);
  sendEmpty(response, 307, { Location, "Cache-Control": "private, no-store" });
  return true;
}

/** What a session may see must not come from a cache for the next one. */
function privacyHeaders(exchange: S3Exchange): ResponseHeaders {
  return exchange.access.jobId === null && exchange.request.message.headers.authorization === undefined
    ? { "Cache-Control": "private, no-cache" }
    : {};
}

/** True for 304; throws PreconditionFailed. ETags come before times, as RFC 9110 13.2.2 orders. */
function isNotModified(request: S3Request, info: ObjectInfo): boolean {
  const { message } = request;
  const matches = (etags: readonly string[]): boolean => etags.includes("*") || etags.includes(info.etag);
  // Header times have whole seconds.
  const modifiedMs = Math.floor(info.lastModifiedMs / 1000) * 1000;
  const ifMatch = etagsOf(message, "if-match");
  if (ifMatch !== undefined) {
    if (!matches(ifMatch)) throw new S3Error("PreconditionFailed");
  } else {
    const unmodifiedSinceMs = Date.parse(headerOf(message, "if-unmodified-since") ?? "");
    if (modifiedMs > unmodifiedSinceMs) throw new S3Error("PreconditionFailed");
  }
  const ifNoneMatch = etagsOf(message, "if-none-match");
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch);
  return modifiedMs <= Date.parse(headerOf(message, "if-modified-since") ?? "");
}

function selectBytes(request: S3Request, info: ObjectInfo): Selection {
  const partNumber = request.query.get("partNumber");
  if (partNumber !== undefined) return selectPart(info, partNumber);
  const range = isRangeWanted(request, info) ? parseRange(headerOf(request.message, "range") ?? "") : null;
  const { sizeBytes: size, checksums } = info;
  if (range === null) return { status: 200, start: 0, end: size, headers: {}, checksums };
  const start = range.first ?? Math.max(0, size - (range.suffix ?? 0));
  const end = Math.min(size, (range.last ?? size) + (range.last === undefined ? 0 : 1));
  if (start >= end) throw new S3Error("InvalidRange", undefined, { "Content-Range": `bytes */${size}` });
  return {
    status: 206,
    start,
    end,
    headers: { "Content-Range": `bytes ${start}-${end - 1}/${size}` },
    checksums: start === 0 && end === size ? checksums : {},
  };
}

/** If-Range asks for the range only of the version that the client has begun to load. */
function isRangeWanted(request: S3Request, info: ObjectInfo): boolean {
  const condition = headerOf(request.message, "if-range");
  if (condition === undefined) return true;
  return condition === `"${info.etag}"` || condition === new Date(info.lastModifiedMs).toUTCString();
}

interface Range {
  first?: number;
  last?: number;
  suffix?: number;
}

/** One range of bytes; null for anything else, which S3 answers with the whole object. */
function parseRange(header: string): Range | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? null : { suffix: Number(last) };
  if (last === "") return { first: Number(first) };
  return Number(last) < Number(first) ? null : { first: Number(first), last: Number(last) };
}

function selectPart(info: ObjectInfo, number: string): Selection {
  const part = /^\d{1,5}$/.test(number) ? findPart(info, Number(number)) : null;
  if (part === null) throw new S3Error("InvalidPart", "The requested partnumber is not one of the object's.");
  const { start, sizeBytes, checksums } = part;
  const end = start + sizeBytes;
  return {
    status: 206,
    start,
    end,
    checksums,
    headers: {
      "Content-Range": sizeBytes === 0 ? undefined : `bytes ${start}-${end - 1}/${info.sizeBytes}`,
      "x-amz-mp-parts-count": partCount(info) || undefined,
    },
  };
}

async function sendBytes(
  response: ServerResponse,
  object: ReadableObject,
  range: Selection,
  idleMs: number,
): Promise<void> {
  if (range.end - range.start <= oneWriteBytes) {
    const chunks: Buffer[] = [];
    await object.read(range, async (chunk) => void chunks.push(Buffer.from(chunk)));
    response.end(Buffer.concat(chunks));
    return;
  }
  const timer = setTimeout(() => response.destroy(), idleMs);
  try {
    await object.read(range, async (chunk) => {
      await writeChunk(response, chunk);
      timer.refresh();
    });
    response.end();
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the system has taken the bytes, so that their buffer can be filled again. */
function writeChunk(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error("The client closed the connection."));
    if (response.destroyed) return onClose();
    response.once("close", onClose);
    response.write(chunk, (error) => {
      response.off("close", onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
