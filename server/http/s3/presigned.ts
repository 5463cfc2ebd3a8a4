import { S3Error } from "./s3-errors.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { assertFresh, claimTimeMs, parseCredential, type SignatureClaim, sigV4Algorithm } from "./sig-v4.ts";

/** A week, the longest that S3 lets a presigned URL live. */
const maxExpiresSeconds = 7 * 24 * 3600;

/** True when the query carries a signature of version 4. */
export function isPresigned(request: S3Request): boolean {
  return request.query.has("X-Amz-Algorithm") || request.query.has("X-Amz-Signature");
}

/** Reads the `X-Amz-…` parameters; throws when they are incomplete, or when the URL has expired at `nowMs`. */
export function claimFromQuery(request: S3Request, nowMs: number): SignatureClaim {
  const { query, message } = request;
  const signature = query.get("X-Amz-Signature") ?? "";
  const signedHeaders = (query.get("X-Amz-SignedHeaders") ?? "").split(";");
  const isWhole = /^[0-9a-f]{64}$/.test(signature) && signedHeaders.includes("host");
  if (query.get("X-Amz-Algorithm") !== sigV4Algorithm || !isWhole) {
    throw new S3Error("AuthorizationQueryParametersError");
  }
  const signedHash = signedHeaders.includes("x-amz-content-sha256")
    ? headerOf(message, "x-amz-content-sha256")
    : undefined;
  const claim: SignatureClaim = {
    ...parseCredential(query.get("X-Amz-Credential") ?? "", "AuthorizationQueryParametersError"),
    dateTime: query.get("X-Amz-Date") ?? "",
    signedHeaders,
    signature,
    payloadHash: query.get("X-Amz-Content-Sha256") ?? signedHash ?? "UNSIGNED-PAYLOAD",
  };
  assertUnexpired(claimTimeMs(claim), query.get("X-Amz-Expires") ?? "", nowMs);
  return claim;
}

function assertUnexpired(signedAtMs: number, expires: string, nowMs: number): void {
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : 0;
  if (seconds < 1 || seconds > maxExpiresSeconds) {
    throw new S3Error("AccessDenied", "X-Amz-Expires must be between 1 and 604800 seconds.");
  }
  if (nowMs < signedAtMs) assertFresh(signedAtMs, nowMs);
  if (nowMs > signedAtMs + seconds * 1000) throw new S3Error("AccessDenied", "Request has expired");
}

/** What a signer may have moved from the headers to the query. Not checksums: clients sign that of an empty body. */
const movedHeader = /^(content-type|x-amz-(acl|tagging|meta-[a-z0-9._-]+))$/i;

/**
 * Makes signed parameters of a presigned URL the headers that they stand for. Only after the signature was found
 * right; a header that was sent counts before its parameter.
 */
export function adoptSignedParameters({ message, query }: S3Request): void {
  for (const [name, value] of query) {
    // Header values hold one character per byte.
    if (movedHeader.test(name)) message.headers[name.toLowerCase()] ??= Buffer.from(value).toString("latin1");
  }
}
