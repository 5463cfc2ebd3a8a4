import { createHash, createHmac } from "node:crypto";

/** A request's head; one character is one byte, as on the wire. */
export interface HttpHead {
  method: string;
  /** Path and query. */
  target: string;
  headers: [name: string, value: string][];
}

/** An access key of the fuzzed endpoint. */
export interface FuzzKey {
  id: string;
  secret: string;
}

const algorithm = "AWS4-HMAC-SHA256";

/** The SHA-256 of nothing, in hex. */
export const emptyHash = hex("");

/** SHA-256 in hex. */
export function hex(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text, "latin1").digest();
}

/** All values of a header in the order they come, joined by a comma; undefined when it is not there. */
export function valueOf(head: HttpHead, name: string): string | undefined {
  const values = head.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.map(collapsed).join(",");
}

function collapsed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "").replace(/ {2,}/g, " ");
}

/** `YYYYMMDDTHHMMSSZ` */
export function amzDate(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** `<day>/auto/s3/aws4_request` */
export function scopeOf(dateTime: string): string {
  return `${dateTime.slice(0, 8)}/auto/s3/aws4_request`;
}

const derivedKeys = new Map<string, Buffer>();

/** The key that signatures of this scope are made with. */
export function signingKey(secret: string, scope: string): Buffer {
  const name = `${secret}/${scope}`;
  const known = derivedKeys.get(name);
  if (known !== undefined) return known;
  const key = scope.split("/").reduce<Buffer | string>(hmac, `AWS4${secret}`) as Buffer;
  derivedKeys.set(name, key);
  return key;
}

/** The query as signatures of version 4 cover it, from its bytes as sent. */
function canonicalQuery(query: string): string {
  const encode = (text: string): string =>
    text
      .replaceAll("+", " ")
      .replace(/%([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(
        /[^A-Za-z0-9._~-]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
      );
  if (query === "") return "";
  return query
    .split("&")
    .map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return at < 0 ? [encode(pair), ""] : [encode(pair.slice(0, at)), encode(pair.slice(at + 1))];
    })
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${name}=${value}`)
    .sort((left, right) => byEncodedName(left, right))
    .join("&");
}

/** By name first: `a-b` comes behind `a`, although `-` sorts before `=`. */
function byEncodedName(left: string, right: string): number {
  const [leftName = "", rightName = ""] = [left.split("=", 1)[0], right.split("=", 1)[0]];
  if (leftName !== rightName) return leftName < rightName ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What a signature of version 4 says it covers. */
export interface Claim {
  dateTime: string;
  scope: string;
  signedHeaders: readonly string[];
  payloadHash: string;
}

/** The signature of version 4 over a head as it is sent, in hex. */
export function signatureOf(head: HttpHead, claim: Claim, secret: string, acceptEncoding?: string): string {
  const [path = "", query = ""] = splitTarget(head.target);
  const lines = claim.signedHeaders.map((name) => {
    const value = valueOf(head, name) ?? "";
    return `${name}:${name === "accept-encoding" ? (acceptEncoding ?? value) : value}`;
  });
  const names = claim.signedHeaders.join(";");
  const canonical = [head.method, path, canonicalQuery(query), ...lines, "", names, claim.payloadHash].join(
    "\n",
  );
  const digest = createHash("sha256").update(canonical, "latin1").digest("hex");
  const text = [algorithm, claim.dateTime, claim.scope, digest].join("\n");
  return hmac(signingKey(secret, claim.scope), text).toString("hex");
}

/** Path and query of a target. */
export function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

/** Signs in the Authorization header, over every header that is there; answers the signature. */
export function signHeader(head: HttpHead, key: FuzzKey, dateTime: string, payloadHash: string): string {
  head.headers.push(["x-amz-date", dateTime], ["x-amz-content-sha256", payloadHash]);
  const signedHeaders = [...new Set(head.headers.map(([name]) => name.toLowerCase()))]
    .filter((name) => !["expect", "connection", "transfer-encoding"].includes(name))
    .sort();
  const claim = { dateTime, scope: scopeOf(dateTime), signedHeaders, payloadHash };
  const signature = signatureOf(head, claim, key.secret);
  const fields = [
    `Credential=${key.id}/${claim.scope}`,
    `SignedHeaders=${signedHeaders.join(";")}`,
    `Signature=${signature}`,
  ];
  head.headers.push(["Authorization", `${algorithm} ${fields.join(", ")}`]);
  return signature;
}

/** Signs in the query, over the host and those headers that S3 wants signed; the body is not covered. */
export function presign(head: HttpHead, key: FuzzKey, dateTime: string, expiresSeconds: number): void {
  const meaningful = head.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => name.startsWith("x-amz-"));
  const signedHeaders = [...new Set(["host", ...meaningful])].sort();
  const scope = scopeOf(dateTime);
  const parameters = [
    `X-Amz-Algorithm=${algorithm}`,
    `X-Amz-Credential=${encodeURIComponent(`${key.id}/${scope}`)}`,
    `X-Amz-Date=${dateTime}`,
    `X-Amz-Expires=${expiresSeconds}`,
    `X-Amz-SignedHeaders=${encodeURIComponent(signedHeaders.join(";"))}`,
  ];
  head.target += (head.target.includes("?") ? "&" : "?") + parameters.join("&");
  const claim = { dateTime, scope, signedHeaders, payloadHash: "UNSIGNED-PAYLOAD" };
  head.target += `&X-Amz-Signature=${signatureOf(head, claim, key.secret)}`;
}

const v2Parameters = new Set(
  "acl cors delete lifecycle location logging notification partNumber policy requestPayment response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires tagging torrent uploadId uploads versionId versioning versions website".split(
    " ",
  ),
);

/** The signature of version 2, in base64; `dateLine` is the Date, or Expires of a presigned URL. */
export function signatureV2(head: HttpHead, dateLine: string, secret: string): string {
  const [path, query] = splitTarget(head.target);
  const names = [...new Set(head.headers.map(([name]) => name.toLowerCase()))]
    .filter((name) => name.startsWith("x-amz-"))
    .sort();
  const parameters = query
    .split("&")
    .filter((pair) => v2Parameters.has(pair.split("=", 1)[0] ?? ""))
    .sort()
    .map((pair) =>
      pair.replace(/%([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    );
  const lines = [
    head.method,
    valueOf(head, "content-md5") ?? "",
    // Of several, HTTP's first is the one that counts.
    valueOf(head, "content-type")?.split(",", 1)[0] ?? "",
    dateLine,
    ...names.map((name) => `${name}:${valueOf(head, name) ?? ""}`),
    path + (parameters.length === 0 ? "" : `?${parameters.join("&")}`),
  ];
  return createHmac("sha1", secret).update(lines.join("\n"), "latin1").digest("base64");
}
