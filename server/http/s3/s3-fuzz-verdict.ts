import {
  amzDate,
  type FuzzKey,
  type HttpHead,
  scopeOf,
  signatureOf,
  signatureV2,
  splitTarget,
  valueOf,
} from "./s3-fuzz-signing.ts";

/** S3's: clocks may differ by so much. */
const skewMs = 15 * 60_000;

/** What S3 wants signed, because it changes what a request does. */
const meaningful = /^x-amz-(meta-|copy-source|tagging|metadata-directive|acl$|grant-)/;

/** Reads a head as any server must; null when it is not HTTP. */
export function parseHead(bytes: Buffer): HttpHead | null {
  const [line = "", ...fields] = bytes
    .toString("latin1")
    .replace(/\r\n\r\n$/, "")
    .split(/\r\n/);
  // A no-break space is a byte of the path like any other; of several spaces Node takes no notice.
  const start = /^([A-Z-]+) +([^ \t]+) +HTTP\/1\.1$/.exec(line);
  if (start === null) return null;
  const headers: HttpHead["headers"] = [];
  for (const field of fields) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(field);
    if (found === null) return null;
    headers.push([found[1] ?? "", found[2] ?? ""]);
  }
  return { method: start[1] ?? "", target: start[2] ?? "", headers };
}

/** What a head must be held against. */
export interface VerdictOptions {
  keys: readonly FuzzKey[];
  pathPrefix: string;
  nowMs: number;
}

/**
 * True when a head as sent carries a signature or token that is right for it, by the rules of AWS and nothing of the
 * endpoint's own code. Signatures without the mount point count too, as s3fs and s3cmd make them.
 */
export function isGenuine(head: HttpHead, options: VerdictOptions): boolean {
  const { keys, nowMs } = options;
  for (const name of ["x-upload-token", "x-simpletuner-secret"])
    if (keys.some(({ secret }) => secret === valueOf(head, name))) return true;
  const query = parametersOf(head);
  const authorizations = head.headers.filter(([name]) => name.toLowerCase() === "authorization");
  return (
    authorizations.some(
      ([, value]) => isHeaderV4(head, value, options) || isHeaderV2(head, value, options),
    ) ||
    isPresignedV4(head, query, options) ||
    isPresignedV2(head, query, keys, nowMs)
  );
}

/** The parameters decoded; of equal names the first. */
function parametersOf(head: HttpHead): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of splitTarget(head.target)[1].split("&")) {
    const [name = "", ...value] = pair.replaceAll("+", "%20").split("=");
    const [key, text] = [decoded(name), decoded(value.join("="))];
    if (!found.has(key)) found.set(key, text);
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The head as it may have been signed: as sent, and without the mount point. */
function signedForms(head: HttpHead, pathPrefix: string): HttpHead[] {
  const forms = [head];
  if (!head.target.startsWith(pathPrefix)) return forms;
  const target = head.target.slice(pathPrefix.length);
  const bare = { ...head, target: target.startsWith("/") ? target : `/${target}` };
  const headers = head.headers.map(([name, value]): [string, string] =>
    name.toLowerCase() === "host" ? [name, value + pathPrefix] : [name, value],
  );
  return [...forms, bare, { ...bare, headers }];
}

function isHeaderV4(head: HttpHead, value: string, { keys, pathPrefix, nowMs }: VerdictOptions): boolean {
  if (!value.startsWith("AWS4-HMAC-SHA256")) return false;
  const fields = new Map(
    value
      .slice("AWS4-HMAC-SHA256".length)
      .split(",")
      .map((field): [string, string] => {
        const at = field.indexOf("=");
        return [field.slice(0, Math.max(0, at)).trim(), field.slice(at + 1).trim()];
      }),
  );
  const date = Date.parse(valueOf(head, "date") ?? "");
  const dateTime = valueOf(head, "x-amz-date") ?? (Number.isNaN(date) ? "" : amzDate(date));
  const payloadHash = valueOf(head, "x-amz-content-sha256");
  if (payloadHash === undefined || Math.abs(timeOf(dateTime) - nowMs) > skewMs) return false;
  return isSignedV4(head, pathPrefix, keys, {
    credential: fields.get("Credential") ?? "",
    names: fields.get("SignedHeaders") ?? "",
    signature: fields.get("Signature") ?? "",
    dateTime,
    payloadHash,
  });
}

function isPresignedV4(
  head: HttpHead,
  query: ReadonlyMap<string, string>,
  { keys, pathPrefix, nowMs }: VerdictOptions,
): boolean {
  const dateTime = query.get("X-Amz-Date") ?? "";
  const signedAtMs = timeOf(dateTime);
  const endMs = signedAtMs + Number(query.get("X-Amz-Expires")) * 1000;
  if (query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256" || !(nowMs <= endMs && nowMs > signedAtMs - skewMs))
    return false;
  return isSignedV4(head, pathPrefix, keys, {
    credential: query.get("X-Amz-Credential") ?? "",
    names: query.get("X-Amz-SignedHeaders") ?? "",
    signature: query.get("X-Amz-Signature") ?? "",
    dateTime,
    payloadHash: query.get("X-Amz-Content-Sha256") ?? "UNSIGNED-PAYLOAD",
  });
}

interface GivenV4 {
  credential: string;
  names: string;
  signature: string;
  dateTime: string;
  payloadHash: string;
}

function isSignedV4(head: HttpHead, pathPrefix: string, keys: readonly FuzzKey[], given: GivenV4): boolean {
  const { dateTime, payloadHash } = given;
  const key = keys.find(({ id }) => given.credential === `${id}/${scopeOf(dateTime)}`);
  const signedHeaders = given.names.split(";");
  const isBare = head.headers.some(
    ([name]) => meaningful.test(name.toLowerCase()) && !signedHeaders.includes(name.toLowerCase()),
  );
  if (key === undefined || isBare || !signedHeaders.includes("host")) return false;
  const claim = { dateTime, scope: scopeOf(dateTime), signedHeaders, payloadHash };
  // Some proxies rewrite Accept-Encoding, which Go's clients sign.
  const rewritten = signedHeaders.includes("accept-encoding") ? ["identity", "gzip", "gzip, br", ""] : [];
  return signedForms(head, pathPrefix).some((form) =>
    [undefined, ...rewritten].some(
      (encoding) => signatureOf(form, claim, key.secret, encoding) === given.signature,
    ),
  );
}

function isHeaderV2(head: HttpHead, value: string, { keys, pathPrefix, nowMs }: VerdictOptions): boolean {
  const amz = valueOf(head, "x-amz-date");
  const date = amz ?? valueOf(head, "date") ?? "";
  if (!(Math.abs(Date.parse(date) - nowMs) <= skewMs)) return false;
  return signedForms(head, pathPrefix).some((form) =>
    keys.some(
      ({ id, secret }) => value === `AWS ${id}:${signatureV2(form, amz === undefined ? date : "", secret)}`,
    ),
  );
}

function isPresignedV2(
  head: HttpHead,
  query: ReadonlyMap<string, string>,
  keys: readonly FuzzKey[],
  nowMs: number,
): boolean {
  const expires = query.get("Expires") ?? "";
  const key = keys.find(({ id }) => id === query.get("AWSAccessKeyId"));
  if (key === undefined || !(Number(expires) * 1000 >= nowMs)) return false;
  return signatureV2(head, expires, key.secret) === query.get("Signature");
}

function timeOf(dateTime: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(dateTime);
  return parts === null
    ? Number.NaN
    : Date.parse(dateTime.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}
