import { type BodyStyle, encodeBody, headersOf, payloadHashOf } from "./s3-fuzz-bodies.ts";
import { type Dice, diceFor, scrambled } from "./s3-fuzz-dice.ts";
import { type Draft, type FuzzWorld, makeDraft } from "./s3-fuzz-drafts.ts";
import { makeForm } from "./s3-fuzz-forms.ts";
import { mutateDraft, mutateHead } from "./s3-fuzz-mutations.ts";
import { amzDate, emptyHash, type HttpHead, presign, signatureV2, signHeader } from "./s3-fuzz-signing.ts";
import { isGenuine, parseHead } from "./s3-fuzz-verdict.ts";

/** Hosts below it name buckets of the fuzzed endpoint. */
export const fuzzDomain = "fuzz.test";

/** Where and when requests are made for. */
export interface FuzzTarget {
  port: number;
  pathPrefix: string;
  world: FuzzWorld;
  nowMs: number;
}

/** A request as bytes, with what is known of the answer it must get. */
export interface FuzzRequest {
  operation: string;
  /** What was done to it, in order. */
  changes: string[];
  head: Buffer;
  body: Buffer;
  /** Why it must be refused; null when it may succeed. */
  mustFail: string | null;
  /** Exactly one answer must come: the request is HTTP, and ends where it says. */
  isWhole: boolean;
  /** Nothing was done to it at all. */
  isUntouched: boolean;
  expectsContinue: boolean;
  /** The connection is cut behind so many bytes; null sends everything. */
  cutAfterBytes: number | null;
}

type Phase = "untouched" | "before" | "after" | "both" | "cut";

const phases: readonly Phase[] = [
  ...Array.from({ length: 2 }, () => "untouched" as const),
  ...Array.from({ length: 8 }, () => "before" as const),
  ...Array.from({ length: 7 }, () => "after" as const),
  ...Array.from({ length: 2 }, () => "both" as const),
  "cut",
];

const signers = [
  ...Array.from({ length: 12 }, () => "header" as const),
  ...Array.from({ length: 3 }, () => "presigned" as const),
  "s3fs",
  "s3cmd",
  "header-v2",
  "presigned-v2",
  "token",
  "none",
] as const;
type Signer = (typeof signers)[number];

const bodyStyles: readonly BodyStyle[] = [
  "sha256",
  "sha256",
  "unsigned",
  "chunks",
  "chunks-trailer",
  "unsigned-trailer",
  "unsigned-trailer",
];

/** The request with this number; equal seeds make equal requests, but for dates and ids of uploads. */
export function makeRequest(target: FuzzTarget, seed: number, index: number): FuzzRequest {
  const dice = diceFor(seed, index);
  const phase = dice.pick(phases);
  if (dice.chance(0.03)) return makeForm(dice, target, phase !== "untouched");
  const draft = makeDraft(dice, target.world);
  const changes: string[] = [];
  if (phase === "before" || phase === "both")
    for (let times = 1 + dice.below(3); times > 0; times--) changes.push(mutateDraft(dice, draft));
  const isAsDrafted = changes.length === 0;
  const signed = sign(dice, target, draft);
  const { head, isCovered } = signed;
  const isAfter = phase === "after" || phase === "both";
  const spoilsBody = isAfter && draft.content.length > 0 && dice.chance(0.6);
  const encoded = encodeBody(signed.style, draft.content, signed.chunkSeed, dice, spoilsBody ? dice : null);
  if (spoilsBody) changes.push(`body (${signed.style})`);
  const spoilsFraming = isAfter && !spoilsBody && dice.chance(0.15);
  const framing = frame(dice, head, encoded.bytes, draft.method, spoilsFraming);
  if (spoilsFraming) changes.push(framing.change);
  if (isAfter && !spoilsBody && !spoilsFraming)
    for (let times = 1 + dice.below(2); times > 0; times--) changes.push(mutateHead(dice, head));
  let bytes = serialized(head);
  // With the body changed too, nothing may be left in the head that vouches for it.
  if (isAfter && !spoilsBody && dice.chance(0.05)) {
    bytes = Buffer.concat([
      Buffer.from(scrambled(dice, bytes.subarray(0, -4).toString("latin1")), "latin1"),
      Buffer.from("\r\n\r\n"),
    ]);
    changes.push("bytes of the head");
  }
  const parsed = parseHead(bytes);
  const isBodyChanged = isAsDrafted && isCovered && (encoded.isTampered || framing.isBroken);
  const whole = bytes.length + framing.body.length;
  return {
    operation: draft.operation,
    changes: [signed.signer, signed.style, ...changes],
    head: bytes,
    body: framing.body,
    mustFail: refusalOf(target, parsed, isBodyChanged),
    isWhole:
      parsed !== null && !framing.isBroken && bytes.length < 16_000 && !hasOwnFraming(parsed, framing.lines),
    isUntouched: phase === "untouched" && signed.signer !== "none" && !signed.isLate,
    expectsContinue:
      valueIs(parsed, "expect", "100-continue") && framing.body.length > 0 && !framing.isBroken,
    cutAfterBytes: phase === "cut" ? dice.below(whole) : null,
  };
}

/** Why a request must be refused, or null. */
function refusalOf(target: FuzzTarget, head: HttpHead | null, isBodyChanged: boolean): string | null {
  // Browsers ask beforehand without any signature.
  if (head?.method === "OPTIONS") return null;
  const { pathPrefix, nowMs, world } = target;
  const keys = [world.job, world.owner];
  if (head === null || !isGenuine(head, { keys, pathPrefix, nowMs })) return "no valid signature";
  return isBodyChanged ? "a body that was not signed" : null;
}

function valueIs(head: HttpHead | null, name: string, value: string): boolean {
  return head?.headers.some(([other, text]) => other.toLowerCase() === name && text === value) === true;
}

/** True when a changed head frames its body otherwise than it was framed, or asks for another protocol. */
function hasOwnFraming(head: HttpHead, lines: readonly string[]): boolean {
  const found = head.headers
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => /^(content-length|transfer-encoding):/.test(line));
  return found.join() !== lines.join() || valueIs(head, "upgrade", "h2c");
}

function serialized(head: HttpHead): Buffer {
  const lines = head.headers.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`${head.method} ${head.target} HTTP/1.1`, ...lines, "", ""].join("\r\n"), "latin1");
}

interface Signed {
  head: HttpHead;
  signer: Signer;
  style: BodyStyle;
  chunkSeed: { signature: string; secret: string; dateTime: string };
  /** A change of the body must be found out. */
  isCovered: boolean;
  isLate: boolean;
}

function sign(dice: Dice, { port, pathPrefix, nowMs }: FuzzTarget, draft: Draft): Signed {
  const signer = dice.pick(signers);
  const canChunk = signer === "header" || signer === "s3fs" || signer === "s3cmd" || signer === "token";
  const style: BodyStyle = !draft.takesBody
    ? "sha256"
    : signer === "token"
      ? dice.pick(["unsigned", "unsigned-trailer"])
      : canChunk
        ? dice.pick(bodyStyles)
        : // The checksum headers of CompleteMultipartUpload are those of the object.
          dice.pick(
            draft.operation === "CompleteUpload" ? ["unsigned", "md5"] : ["unsigned", "md5", "crc32"],
          );
  const query = draft.query.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join("&");
  const place = placeOf(dice, signer, `127.0.0.1:${port}`, pathPrefix, draft.path);
  const head: HttpHead = {
    method: draft.method,
    target: place.path + (query === "" ? "" : `?${query}`),
    headers: [
      ["Host", place.host],
      ...draft.headers.filter(([name]) => style !== "md5" || name !== "Content-MD5"),
      ...headersOf(style, draft.content),
    ],
  };
  const isLate = dice.chance(0.02);
  const timeMs = nowMs + (isLate ? dice.pick([-86_400_000, -1_000_000, 1_000_000, 90_000_000]) : 0);
  const dateTime = amzDate(timeMs);
  const payloadHash =
    draft.content.length === 0 && !draft.takesBody ? emptyHash : payloadHashOf(style, draft.content);
  const signature = signAs(signer, head, { draft, dateTime, timeMs, payloadHash, pathPrefix });
  const chunkSeed = { signature, secret: draft.key.secret, dateTime };
  if (dice.chance(0.15)) head.headers.push(["Expect", "100-continue"]);
  return { head, signer, style, chunkSeed, isCovered: draft.takesBody && style !== "unsigned", isLate };
}

/** Host and path, with the bucket in either. */
function placeOf(
  dice: Dice,
  signer: Signer,
  host: string,
  pathPrefix: string,
  path: string,
): { host: string; path: string } {
  const [, bucket, rest = ""] = /^\/([a-z0-9][a-z0-9-]{2,62})(\/.*)?$/s.exec(path) ?? [];
  const canBeHost = signer === "header" || signer === "presigned" || signer === "token" || signer === "none";
  if (bucket === undefined || !canBeHost || !dice.chance(0.2)) return { host, path: pathPrefix + path };
  const inHost = dice.pick([`${bucket}.${fuzzDomain}`, `${bucket.toUpperCase()}.${fuzzDomain}:9000`]);
  return { host: inHost, path: dice.pick([pathPrefix, ""]) + (rest === "" ? "/" : rest) };
}

interface SigningContext {
  draft: Draft;
  dateTime: string;
  timeMs: number;
  payloadHash: string;
  pathPrefix: string;
}

/** Signs in one of the ways that clients do; answers the signature that chunk signatures start from. */
function signAs(signer: Signer, head: HttpHead, context: SigningContext): string {
  const { draft, dateTime, timeMs, payloadHash, pathPrefix } = context;
  const { key } = draft;
  const target = head.target;
  if (signer === "header") return signHeader(head, key, dateTime, payloadHash);
  if (signer === "s3fs" || signer === "s3cmd") {
    const host = head.headers[0]?.[1] ?? "";
    const bare = target.slice(pathPrefix.length);
    head.target = bare.startsWith("/") ? bare : `/${bare}`;
    if (signer === "s3cmd") head.headers[0] = ["Host", host + pathPrefix];
    const signature = signHeader(head, key, dateTime, payloadHash);
    head.target = target;
    head.headers[0] = ["Host", host];
    return signature;
  }
  if (signer === "presigned") presign(head, key, dateTime, 600);
  if (signer === "header-v2") {
    head.headers.push(["Date", new Date(timeMs).toUTCString()]);
    const { 1: date = "" } = head.headers.at(-1) ?? [];
    head.headers.push(["Authorization", `AWS ${key.id}:${signatureV2(head, date, key.secret)}`]);
  }
  if (signer === "presigned-v2") {
    const expires = String(Math.floor(timeMs / 1000) + 600);
    const signature = encodeURIComponent(signatureV2(head, expires, key.secret));
    head.target += `${target.includes("?") ? "&" : "?"}AWSAccessKeyId=${key.id}&Expires=${expires}&Signature=${signature}`;
  }
  if (signer === "token") {
    head.headers.push(["X-Upload-Token", key.secret]);
    if (payloadHash.startsWith("STREAMING")) head.headers.push(["x-amz-content-sha256", payloadHash]);
  }
  return "";
}

interface Framing {
  body: Buffer;
  /** What is said about the length is not true. */
  isBroken: boolean;
  change: string;
  /** The framing headers in the order they were added, their names in lower case. */
  lines: string[];
}

/** Adds HTTP's own framing to the head. */
function frame(dice: Dice, head: HttpHead, body: Buffer, method: string, isSpoilt: boolean): Framing {
  const length = (value: string): void => void head.headers.push(["Content-Length", value]);
  const chunked = (): void => void head.headers.push(["Transfer-Encoding", "chunked"]);
  if (isSpoilt) {
    const change = dice.pick([
      "shorter",
      "longer",
      "not a number",
      "two lengths",
      "both",
      "chunk size",
      "chunk end",
      "chunk noise",
    ] as const);
    const broken = { body, isBroken: true, change: `framing: ${change}`, lines: [] };
    switch (change) {
      case "shorter":
        length(String(Math.max(0, body.length - 1 - dice.below(50))));
        return { ...broken, isBroken: body.length > 0 };
      case "longer":
        length(String(body.length + dice.pick([1, 1_000, 2 ** 31, 2 ** 40, 2 ** 53])));
        return broken;
      case "not a number":
        length(dice.pick(["-1", "abc", "1e3", "0x10", "5, 5", "+5", "", "99999999999999999999999", "5 5"]));
        return broken;
      case "two lengths":
        length(String(body.length));
        length(String(body.length + 1));
        return broken;
      case "both":
        length(String(body.length));
        chunked();
        return { ...broken, body: httpChunked(body, 1_000) };
      default:
        chunked();
        return { ...broken, body: brokenChunks(dice, change, body) };
    }
  }
  const lines: string[] = [];
  if (body.length > 0 && dice.chance(0.25)) {
    chunked();
    return {
      body: httpChunked(body, 1 + dice.below(9_000)),
      isBroken: false,
      change: "",
      lines: ["transfer-encoding: chunked"],
    };
  }
  if (body.length > 0 || method === "PUT" || method === "POST") {
    length(String(body.length));
    lines.push(`content-length: ${body.length}`);
  }
  return { body, isBroken: false, change: "", lines };
}

function httpChunked(body: Buffer, size: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}

function brokenChunks(dice: Dice, change: string, body: Buffer): Buffer {
  const whole = httpChunked(body, 1_000);
  if (change === "chunk end") return whole.subarray(0, Math.max(0, whole.length - 5 - dice.below(20)));
  if (change === "chunk size") {
    const size = dice.pick(["zz", "-1", "ffffffffffffffffff", "", " ", "1;x=y".repeat(2_000)]);
    return Buffer.concat([Buffer.from(`${size}\r\n`), whole]);
  }
  return Buffer.concat([
    whole.subarray(0, whole.length >> 1),
    Buffer.from("\u0000\r\n\r\nnoise"),
    whole.subarray(whole.length >> 1),
  ]);
}
