import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { S3Error } from "./s3-errors.ts";

/** A request as S3 sees it; nothing in it has been trusted yet. */
export interface S3Request {
  readonly message: IncomingMessage;
  readonly method: string;
  /** The path as sent, percent-encoded; signatures cover it as it is. */
  readonly rawPath: string;
  /** The query as sent, without the question mark. */
  readonly rawQuery: string;
  /** `/api/cloud/storage` or wherever the endpoint is mounted; part of `rawPath` unless a proxy stripped it. */
  readonly pathPrefix: string;
  readonly hasPrefix: boolean;
  /** True when the host named the bucket. */
  readonly isVirtualHosted: boolean;
  /** "" for the list of buckets. */
  readonly bucket: string;
  /** "" for the bucket itself. */
  readonly key: string;
  /** Decoded parameters; of equal names the first. */
  readonly query: ReadonlyMap<string, string>;
  readonly wantsJson: boolean;
  readonly id: string;
}

/**
 * Reads the request line. Keys are opaque: decoded once, never normalised. Throws InvalidURI. With a `baseDomain`
 * the host `<bucket>.<base domain>` names the bucket, and the whole path is the key.
 */
export function parseS3Request(
  message: IncomingMessage,
  response: ServerResponse,
  { pathPrefix, baseDomain }: { pathPrefix: string; baseDomain?: string | null },
): S3Request {
  // A request line in absolute form, as some proxies send it, names the same resource.
  const target = (message.url ?? "/").replace(/^https?:\/\/[^/?]*/i, "");
  const queryStart = target.indexOf("?");
  const rawPath = queryStart < 0 ? target : target.slice(0, queryStart);
  const rawQuery = queryStart < 0 ? "" : target.slice(queryStart + 1);
  const hasPrefix = rawPath === pathPrefix || rawPath.startsWith(`${pathPrefix}/`);
  const resource = (hasPrefix ? rawPath.slice(pathPrefix.length) : rawPath).replace(/^\//, "");
  const hostBucket = bucketOfHost(message.headers.host, baseDomain);
  const bucketEnd = resource.indexOf("/");
  const keyInPath = bucketEnd < 0 ? "" : resource.slice(bucketEnd + 1);
  const keyText = hostBucket === null ? keyInPath : resource;
  return {
    message,
    method: message.method ?? "GET",
    rawPath,
    rawQuery,
    pathPrefix,
    hasPrefix,
    isVirtualHosted: hostBucket !== null,
    bucket: hostBucket ?? percentDecode(bucketEnd < 0 ? resource : resource.slice(0, bucketEnd)),
    key: keyText === "" ? "" : percentDecode(keyText),
    query: parseQuery(rawQuery),
    wantsJson: prefersJson(message.headers.accept),
    id: requestId(response),
  };
}

/** `outputs` of `outputs.storage.example.com:8001` for the base domain `storage.example.com`, else null. */
export function bucketOfHost(host: string | undefined, baseDomain: string | null | undefined): string | null {
  if (host === undefined || !baseDomain) return null;
  const name = host.toLowerCase().replace(/:\d+$/, "");
  return name.endsWith(`.${baseDomain.toLowerCase()}`) ? name.slice(0, -baseDomain.length - 1) : null;
}

/** The id that the answer carries: the server's own correlation id where it has given one. */
export function requestId(response: ServerResponse): string {
  const given = response.getHeader("x-correlation-id");
  return typeof given === "string" ? given : randomUUID().replaceAll("-", "").slice(16).toUpperCase();
}

/** Name and value pairs of a query in the order they were sent; `+` is a space, as browsers send it. */
export function queryPairs(rawQuery: string): [name: string, value: string][] {
  if (rawQuery === "") return [];
  return rawQuery.split("&").map((pair) => {
    const separator = pair.indexOf("=");
    const name = separator < 0 ? pair : pair.slice(0, separator);
    const value = separator < 0 ? "" : pair.slice(separator + 1);
    return [percentDecode(name.replaceAll("+", "%20")), percentDecode(value.replaceAll("+", "%20"))];
  });
}

function parseQuery(rawQuery: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of queryPairs(rawQuery)) if (!query.has(name)) query.set(name, value);
  return query;
}

/**
 * Decodes once; throws InvalidURI unless the bytes are UTF-8. Bytes above 0x7F that a client sent as they are reach
 * us as one character each.
 */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(
      text.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`),
    );
  } catch {
    throw new S3Error("InvalidURI");
  }
}

/** Percent-encodes as signatures and `encoding-type=url` want it: all but A-Z a-z 0-9 - . _ ~ (and `/`). */
export function percentEncode(text: string, keepSlash: boolean): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return keepSlash ? encoded.replaceAll("%2F", "/") : encoded;
}

/** True when JSON is named before any XML; S3 clients name neither. */
function prefersJson(accept: string | undefined): boolean {
  const types = (accept ?? "").split(",").map((entry) => entry.split(";")[0]?.trim().toLowerCase());
  const json = types.indexOf("application/json");
  const xml = types.findIndex((type) => type === "application/xml" || type === "text/xml");
  return json >= 0 && (xml < 0 || json < xml);
}

/** The one value of a header, undefined when it was not sent. */
export function headerOf(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}
