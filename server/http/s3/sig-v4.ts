import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { S3Error } from "./s3-errors.ts";
import { percentEncode, queryPairs, type S3Request } from "./s3-request.ts";

/** The only signature algorithm of version 4 that clients of one server need. */
export const sigV4Algorithm = "AWS4-HMAC-SHA256";

/** S3 allows clocks to differ by so much. */
const maxSkewMs = 15 * 60_000;

/** What a signature claims, from the Authorization header or from the query. */
export interface SignatureClaim {
  accessKeyId: string;
  /** `YYYYMMDD` and region of the credential scope; the service is always s3. */
  day: string;
  region: string;
  /** `YYYYMMDDTHHMMSSZ` */
  dateTime: string;
  /** In lower case, as listed. */
  signedHeaders: readonly string[];
  /** 64 hex digits. */
  signature: string;
  /** Last line of the canonical request. */
  payloadHash: string;
}

/** What a key is derived for. */
export type CredentialScope = Pick<SignatureClaim, "accessKeyId" | "day" | "region">;

/** `<day>/<region>/s3/aws4_request` */
export function credentialScope(claim: CredentialScope): string {
  return `${claim.day}/${claim.region}/s3/aws4_request`;
}

/** Takes a credential apart; throws `code` when it is not `<access key>/<day>/<region>/s3/aws4_request`. */
export function parseCredential(
  credential: string,
  code: "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" | "InvalidArgument",
): CredentialScope {
  const fields = credential.split("/");
  const [day = "", region = "", service, terminator] = fields.slice(-4);
  const accessKeyId = fields.slice(0, -4).join("/");
  if (accessKeyId === "" || !/^\d{8}$/.test(day) || service !== "s3" || terminator !== "aws4_request") {
    throw new S3Error(code, "The credential must be <access key>/<YYYYMMDD>/<region>/s3/aws4_request.");
  }
  return { accessKeyId, day, region };
}

/** Reads `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` and the date headers. */
export function claimFromHeader(message: IncomingMessage): SignatureClaim {
  const fields = new Map<string, string>();
  const header = (message.headers.authorization ?? "").slice(sigV4Algorithm.length);
  for (const field of header.split(",")) {
    const separator = field.indexOf("=");
    if (separator > 0) fields.set(field.slice(0, separator).trim(), field.slice(separator + 1).trim());
  }
  const credential = parseCredential(fields.get("Credential") ?? "", "AuthorizationHeaderMalformed");
  const signedHeaders = (fields.get("SignedHeaders") ?? "").split(";");
  const signature = fields.get("Signature") ?? "";
  if (!/^[0-9a-f]{64}$/.test(signature) || !signedHeaders.includes("host")) {
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      "SignedHeaders must name host; Signature is 64 hex digits.",
    );
  }
  const payloadHash = message.headers["x-amz-content-sha256"];
  if (typeof payloadHash !== "string" || payloadHash === "") {
    throw new S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  return { ...credential, dateTime: requestDateTime(message), signedHeaders, signature, payloadHash };
}

function requestDateTime(message: IncomingMessage): string {
  const amzDate = message.headers["x-amz-date"];
  if (typeof amzDate === "string") return amzDate;
  const date = Date.parse(message.headers.date ?? "");
  if (Number.isNaN(date))
    throw new S3Error("AccessDenied", "AWS authentication requires a valid Date header.");
  return new Date(date).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Epoch milliseconds of `YYYYMMDDTHHMMSSZ`, whose day must be that of the credential. */
export function claimTimeMs(claim: SignatureClaim): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.dateTime);
  const timeMs =
    parts === null ? Number.NaN : Date.parse(claim.dateTime.replace(dateTimePattern, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(timeMs) || !claim.dateTime.startsWith(claim.day)) {
    throw new S3Error(
      "AccessDenied",
      "The date of the request is malformed or not the day of its credential.",
    );
  }
  return timeMs;
}

const dateTimePattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Throws RequestTimeTooSkewed when the time is more than 15 minutes off. */
export function assertFresh(timeMs: number, nowMs: number): void {
  if (Math.abs(nowMs - timeMs) > maxSkewMs) throw new S3Error("RequestTimeTooSkewed");
}

/** A derived key is good for a day; the secret is compared too, since an access key may get a new one. */
interface CachedKey {
  secret: string;
  key: KeyObject;
}

/** Derives and remembers signing keys (14 µs each, one per access key, day and region). */
export type SigningKeys = (claim: CredentialScope, secretAccessKey: string) => KeyObject;

const cachedKeys = 512;

/** A cache of signing keys. */
export function signingKeys(): SigningKeys {
  const cache = new Map<string, CachedKey>();
  return (claim, secret) => {
    const name = `${claim.accessKeyId}/${credentialScope(claim)}`;
    const known = cache.get(name);
    if (known !== undefined && known.secret === secret) return known.key;
    const day = hmac(`AWS4${secret}`, claim.day);
    const key = createSecretKey(hmac(hmac(hmac(day, claim.region), "s3"), "aws4_request"));
    if (cache.size >= cachedKeys) cache.clear();
    cache.set(name, { secret, key });
    return key;
  };
}

/** HMAC-SHA256; text counts as UTF-8. */
export function hmac(key: KeyObject | Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** The bytes of a signature; none when the text is not exactly their hex or base64, junk behind it included. */
export function signatureBytes(text: string, encoding: "hex" | "base64"): Buffer {
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? bytes : Buffer.alloc(0);
}

/** True when the signature was made with `key` over this request, in one of the forms that real clients sign. */
export function isSignatureValid(request: S3Request, claim: SignatureClaim, key: KeyObject): boolean {
  const query = canonicalQuery(request.rawQuery);
  const headers = headerValues(request.message);
  const given = signatureBytes(claim.signature, "hex");
  for (const { path, host } of signedPaths(request, headers.get("host") ?? "")) {
    for (const acceptEncoding of signedEncodings(claim, headers)) {
      const lines = claim.signedHeaders.map((name) => {
        if (name === "host") return `host:${host}\n`;
        return `${name}:${name === "accept-encoding" ? acceptEncoding : (headers.get(name) ?? "")}\n`;
      });
      const canonical = [
        request.method,
        path,
        query,
        lines.join(""),
        claim.signedHeaders.join(";"),
        claim.payloadHash,
      ];
      const expected = hmac(key, stringToSign(claim, canonical.join("\n")));
      if (timingSafeEqual(expected, given)) return true;
    }
  }
  return false;
}

/** Header bytes reach us as one character each, so the canonical request is hashed in that form. */
function stringToSign(claim: SignatureClaim, canonicalRequest: string): string {
  const digest = createHash("sha256").update(canonicalRequest, "latin1").digest("hex");
  return [sigV4Algorithm, claim.dateTime, credentialScope(claim), digest].join("\n");
}

/**
 * boto3, the AWS CLI, rclone and the SDKs sign the path as sent; s3fs without the mount point; s3cmd without it
 * but with it in the host name; and a proxy may have stripped it. All four name the same object.
 */
export function signedPaths(request: S3Request, host: string): { path: string; host: string }[] {
  const { rawPath, pathPrefix, hasPrefix } = request;
  const sent = { path: rawPath === "" ? "/" : rawPath, host };
  if (!hasPrefix) return [sent, { path: pathPrefix + rawPath, host }];
  const bare = rawPath.slice(pathPrefix.length) || "/";
  return [sent, { path: bare, host }, { path: bare, host: host + pathPrefix }];
}

/** Go clients sign Accept-Encoding, and some proxies rewrite it on the way. */
function signedEncodings(claim: SignatureClaim, headers: ReadonlyMap<string, string>): string[] {
  const sent = headers.get("accept-encoding") ?? "";
  if (!claim.signedHeaders.includes("accept-encoding")) return [sent];
  return [sent, "identity", "gzip", "gzip, br", ""];
}

/** HTTP's own white space and no other: a no-break space is part of a value. */
const outerSpace = /^[ \t]+|[ \t]+$/g;

/** Values by lower case name, trimmed, inner spaces collapsed, repeated headers joined by a comma. */
function headerValues(message: IncomingMessage): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
    const name = (message.rawHeaders[at] ?? "").toLowerCase();
    const value = (message.rawHeaders[at + 1] ?? "").replace(outerSpace, "").replace(/ {2,}/g, " ");
    const earlier = values.get(name);
    values.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return values;
}

function canonicalQuery(rawQuery: string): string {
  return queryPairs(rawQuery)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]): [string, string] => [percentEncode(name, false), percentEncode(value, false)])
    .sort(([name, value], [otherName, otherValue]) =>
      name === otherName ? compare(value, otherValue) : compare(name, otherName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
