import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { S3Error } from "./s3-errors.ts";
import { headerOf, percentDecode, type S3Request } from "./s3-request.ts";
import { assertFresh, signatureBytes, signedPaths } from "./sig-v4.ts";

/**
 * Signature Version 2, in the query or in the Authorization header: boto3 makes such presigned URLs for an endpoint
 * of one's own unless it is told a region. It covers neither the body nor every parameter of the query.
 */
export interface SignatureV2Claim {
  accessKeyId: string;
  /** Base64 of an HMAC-SHA1. */
  signature: string;
  /** The line of the date: seconds since 1970 in a URL, the Date header, or nothing beside x-amz-date. */
  dateLine: string;
}

/** The parameters that the signed resource names. */
const signedParameters = new Set(
  `accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification
  object-lock partNumber policy replication requestPayment response-cache-control response-content-disposition
  response-content-encoding response-content-language response-content-type response-expires restore select
  select-type storageClass tagging torrent uploadId uploads versionId versioning versions website`.split(
    /\s+/,
  ),
);

/** True when the query carries a signature of version 2. */
export function isPresignedV2({ query }: S3Request): boolean {
  return query.has("AWSAccessKeyId") && query.has("Signature");
}

/** Reads `AWSAccessKeyId`, `Signature` and `Expires`; throws when one is missing or the URL has expired. */
export function claimFromQueryV2({ query }: S3Request, nowMs: number): SignatureV2Claim {
  const dateLine = query.get("Expires") ?? "";
  if (!/^\d{1,12}$/.test(dateLine))
    throw new S3Error("AccessDenied", "Expires must be a time in seconds since 1970.");
  if (nowMs > Number(dateLine) * 1000) throw new S3Error("AccessDenied", "Request has expired");
  return {
    accessKeyId: query.get("AWSAccessKeyId") ?? "",
    signature: query.get("Signature") ?? "",
    dateLine,
  };
}

/** Reads `Authorization: AWS <access key>:<signature>` and the date, which must be that of now. */
export function claimFromHeaderV2(message: IncomingMessage, nowMs: number): SignatureV2Claim {
  const [, accessKeyId = "", signature = ""] =
    /^AWS ([^:]+):([A-Za-z0-9+/=]+)$/.exec(headerOf(message, "authorization") ?? "") ?? [];
  if (accessKeyId === "")
    throw new S3Error("InvalidArgument", "Authorization must be AWS <access key>:<signature>.");
  const amzDate = headerOf(message, "x-amz-date");
  const date = headerOf(message, "date") ?? "";
  const timeMs = Date.parse(amzDate ?? date);
  if (Number.isNaN(timeMs) || timeMs < 0)
    throw new S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  assertFresh(timeMs, nowMs);
  return { accessKeyId, signature, dateLine: amzDate === undefined ? date : "" };
}

/** True when the signature was made with the secret over this request, in one of the forms that clients sign. */
export function isSignatureV2Valid(request: S3Request, claim: SignatureV2Claim, secret: string): boolean {
  const given = signatureBytes(claim.signature, "base64");
  const headers = signedHeaders(request);
  const parameters = resourceParameters(request);
  const lines = [
    request.method,
    headers.get("content-md5") ?? "",
    headers.get("content-type") ?? "",
    claim.dateLine,
  ];
  for (const [name, value] of headers) if (name.startsWith("x-amz-")) lines.push(`${name}:${value}`);
  return signedResources(request).some((path) => {
    const text = [...lines, path + parameters].join("\n");
    const expected = createHmac("sha1", secret).update(text, "latin1").digest();
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
}

/** By name; what a presigned URL carries in its query counts where the header itself was not sent. */
function signedHeaders({ message, query }: S3Request): Map<string, string> {
  const found = new Map<string, string>();
  const isSigned = (name: string): boolean =>
    name.startsWith("x-amz-") || name === "content-md5" || name === "content-type";
  for (const [name, value] of query)
    if (isSigned(name)) found.set(name, Buffer.from(value).toString("latin1"));
  for (const name of Object.keys(message.headers))
    if (isSigned(name)) found.set(name, headerOf(message, name) ?? "");
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** With the bucket in front where the host named it; boto3 signs a bucket with a slash that it does not send. */
function signedResources(request: S3Request): string[] {
  const paths = signedPaths(request, "").map(({ path }) => path);
  if (request.isVirtualHosted) return paths.map((path) => `/${request.bucket}${path}`);
  const isBucket = request.bucket !== "" && request.key === "";
  return isBucket ? [...paths, ...paths.map((path) => `${path}/`)] : paths;
}

/** Decoded, in the order of their names. */
function resourceParameters({ rawQuery }: S3Request): string {
  const pairs = rawQuery
    .split("&")
    .map((pair): [string, string | null] => {
      const separator = pair.indexOf("=");
      return separator < 0 ? [pair, null] : [pair.slice(0, separator), pair.slice(separator + 1)];
    })
    .filter(([name]) => signedParameters.has(name))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) =>
      value === null ? name : `${name}=${Buffer.from(percentDecode(value)).toString("latin1")}`,
    );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
