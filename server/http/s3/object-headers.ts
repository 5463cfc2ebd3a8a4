import type { IncomingMessage } from "node:http";
import type {
  ContentHeaders,
  ObjectDescription,
  ObjectInfo,
  WriteConditions,
} from "../../adapters/storage/storage.ts";
import { cannedAclOf } from "./canned-acl.ts";
import { checksumAlgorithms, checksumHeader } from "./checksums.ts";
import { S3Error } from "./s3-errors.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import type { ResponseHeaders } from "./s3-response.ts";
import { tagsFromHeader } from "./tags.ts";

const metadataPrefix = "x-amz-meta-";
/** A token of RFC 9110, in lower case. */
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** S3's limit for names and values together. */
const maxMetadataBytes = 2048;

const storedHeaders: readonly [field: keyof ContentHeaders, header: string][] = [
  ["contentType", "content-type"],
  ["cacheControl", "cache-control"],
  ["contentDisposition", "content-disposition"],
  ["contentEncoding", "content-encoding"],
  ["contentLanguage", "content-language"],
  ["expires", "expires"],
];

/** Header groups that promise what this server does not do; storing the object anyway would be a lie. */
const unsupportedHeader = /^x-amz-(server-side-encryption-customer|object-lock|website-redirect)/;

/** Headers, user metadata, tags and access list to store with the object that a request brings. */
export function describeObject(message: IncomingMessage, allowPublicAcls: boolean): ObjectDescription {
  const tags = headerOf(message, "x-amz-tagging");
  return {
    ...describeFields(Object.keys(message.headers), (name) => headerOf(message, name)),
    tags: tags === undefined ? undefined : tagsFromHeader(tags),
    acl: cannedAclOf(message, allowPublicAcls),
  };
}

/**
 * Headers and user metadata from named values, whether these came as headers or in a form. `aws-chunked` says how
 * the body came, not what it is.
 */
export function describeFields(
  names: Iterable<string>,
  valueOf: (name: string) => string | undefined,
): Pick<ObjectDescription, "headers" | "userMetadata"> {
  const headers: ContentHeaders = {};
  for (const [field, header] of storedHeaders) {
    const value = valueOf(header);
    if (value === undefined || value === "") continue;
    assertHeaderText(header, value);
    headers[field] = value;
  }
  const encodings = (headers.contentEncoding ?? "").split(",").map((encoding) => encoding.trim());
  const kept = encodings.filter((encoding) => encoding !== "" && encoding.toLowerCase() !== "aws-chunked");
  if (kept.length > 0) headers.contentEncoding = kept.join(", ");
  else delete headers.contentEncoding;
  return { headers, userMetadata: userMetadataOf(names, valueOf) };
}

function userMetadataOf(
  names: Iterable<string>,
  valueOf: (name: string) => string | undefined,
): Record<string, string> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const name of names) {
    if (unsupportedHeader.test(name))
      throw new S3Error("NotImplemented", `This server does not offer ${name}.`);
    if (!name.startsWith(metadataPrefix)) continue;
    const value = valueOf(name) ?? "";
    if (!headerName.test(name))
      throw new S3Error("InvalidArgument", "A name of metadata is not one of a header.");
    assertHeaderText(name, value);
    bytes += name.length - metadataPrefix.length + value.length;
    metadata[name.slice(metadataPrefix.length)] = value;
  }
  if (bytes > maxMetadataBytes) throw new S3Error("MetadataTooLarge");
  return metadata;
}

/** ETags of a condition header without their quotes, undefined when it was not sent. */
export function etagsOf(message: IncomingMessage, name: string): string[] | undefined {
  return headerOf(message, name)
    ?.split(",")
    .map((etag) => unquoteEtag(etag));
}

/** `"abc"`, `W/"abc"` and `abc` are the same ETag to S3's clients. */
export function unquoteEtag(etag: string): string {
  return etag
    .trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
}

/** The If-Match and If-None-Match of a write. */
export function writeConditions(message: IncomingMessage): WriteConditions {
  const ifMatch = etagsOf(message, "if-match");
  const ifNoneMatch = etagsOf(message, "if-none-match");
  return { ...(ifMatch && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
}

/** Types that a browser shows without running anything in them. */
const safeTypes: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
};

/**
 * Headers of GET and HEAD but for the length and the range. An object is anything a training job wrote, so it
 * never becomes a page of this origin: only plain images are shown, all else is downloaded, and what a browser
 * opens all the same is in a sandbox.
 */
export function objectHeaders(request: S3Request, info: ObjectInfo): ResponseHeaders {
  const { query } = request;
  const extension = info.key.slice(info.key.lastIndexOf(".") + 1).toLowerCase();
  const type =
    query.get("response-content-type") ??
    info.headers.contentType ??
    safeTypes[extension] ??
    "binary/octet-stream";
  const disposition = query.get("response-content-disposition") ?? info.headers.contentDisposition;
  const headers: ResponseHeaders = {
    "Accept-Ranges": "bytes",
    "Last-Modified": new Date(info.lastModifiedMs).toUTCString(),
    ETag: `"${info.etag}"`,
    "Content-Type": type,
    "Content-Disposition": safeDisposition(type, disposition),
    "Cache-Control": query.get("response-cache-control") ?? info.headers.cacheControl,
    "Content-Encoding": query.get("response-content-encoding") ?? info.headers.contentEncoding,
    "Content-Language": query.get("response-content-language") ?? info.headers.contentLanguage,
    Expires: query.get("response-expires") ?? info.headers.expires,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "x-amz-tagging-count": info.tags?.length || undefined,
  };
  for (const [name, value] of Object.entries(headers))
    if (typeof value === "string") assertHeaderText(name, value);
  for (const [name, value] of Object.entries(info.userMetadata)) headers[metadataPrefix + name] = value;
  return headers;
}

function assertHeaderText(name: string, value: string): void {
  if (/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) return;
  throw new S3Error("InvalidArgument", `The value for ${name} holds characters that no header can.`);
}

/** Only `inline` (or nothing) makes browsers show a file; any other word makes them download it. */
function safeDisposition(type: string, disposition: string | undefined): string {
  const [kind = "", ...parameters] = (disposition ?? "").split(";");
  const isShown = kind.trim() === "" || kind.trim().toLowerCase() === "inline";
  if (disposition !== undefined && !isShown) return disposition;
  const isSafe = Object.values(safeTypes).includes(type.split(";")[0]?.trim().toLowerCase() ?? "");
  return [isSafe ? "inline" : "attachment", ...parameters].join(";");
}

/** The stored checksums as headers, in answers about the whole object. */
export function checksumHeaders(info: Pick<ObjectInfo, "checksums" | "checksumType">): ResponseHeaders {
  const headers: ResponseHeaders = {};
  for (const algorithm of checksumAlgorithms) headers[checksumHeader(algorithm)] = info.checksums[algorithm];
  if (Object.keys(info.checksums).length > 0) headers["x-amz-checksum-type"] = info.checksumType;
  return headers;
}
