import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Dice, scrambled } from "./s3-fuzz-dice.ts";
import { createHmac } from "node:crypto";
import { emptyHash, hex, scopeOf, signingKey } from "./s3-fuzz-signing.ts";

/** How a body goes over the wire inside of HTTP's own framing, and what vouches for it. */
export type BodyStyle =
  | "sha256"
  | "unsigned"
  | "md5"
  | "crc32"
  | "chunks"
  | "chunks-trailer"
  | "unsigned-trailer";

/** What x-amz-content-sha256 says for a style. */
export function payloadHashOf(style: BodyStyle, content: Buffer): string {
  if (style === "sha256") return hex(content);
  if (style === "chunks") return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  if (style === "chunks-trailer") return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
  return style === "unsigned-trailer" ? "STREAMING-UNSIGNED-PAYLOAD-TRAILER" : "UNSIGNED-PAYLOAD";
}

/** Headers that a style needs. */
export function headersOf(style: BodyStyle, content: Buffer): [string, string][] {
  if (style === "md5") return [["Content-MD5", createHash("md5").update(content).digest("base64")]];
  if (style === "crc32") return [["x-amz-checksum-crc32", crc32Of(content)]];
  if (style === "sha256" || style === "unsigned") return [];
  const headers: [string, string][] = [
    ["Content-Encoding", "aws-chunked"],
    ["x-amz-decoded-content-length", String(content.length)],
  ];
  return style === "chunks" ? headers : [...headers, ["x-amz-trailer", "x-amz-checksum-crc32"]];
}

function crc32Of(content: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(content));
  return bytes.toString("base64");
}

/** What signs chunks: null for styles without chunk signatures. */
export interface ChunkSeed {
  signature: string;
  secret: string;
  dateTime: string;
}

/** One chunk of aws-chunked framing with its size line. */
interface Chunk {
  line: string;
  data: Buffer;
}

/** How a body in `aws-chunked` framing is spoilt; all but `noise` must be found out. */
const chunkFaults = ["signature", "size", "drop", "swap", "data", "trailer", "cut", "noise"] as const;

/** A body as HTTP carries it, and whether what vouches for it no longer does. */
export interface EncodedBody {
  bytes: Buffer;
  isTampered: boolean;
}

/** Encodes `content`; with `spoilDice` something in it is changed afterwards. */
export function encodeBody(
  style: BodyStyle,
  content: Buffer,
  seed: ChunkSeed,
  dice: Dice,
  spoilDice: Dice | null,
): EncodedBody {
  if (!style.includes("chunk") && style !== "unsigned-trailer") {
    if (spoilDice === null) return { bytes: content, isTampered: false };
    const bytes = Buffer.from(scrambled(spoilDice, content.toString("latin1")), "latin1");
    return { bytes, isTampered: style !== "unsigned" && !bytes.equals(content) };
  }
  const { chunks, trailer } = framed(style, content, seed, 1 + dice.below(20_000));
  const fault = spoilDice === null ? null : spoilDice.pick(chunkFaults);
  const isTampered = spoilDice !== null && fault !== null && spoil(chunks, fault, style, spoilDice);
  let end = trailer;
  if (fault === "trailer") end = trailer.replace(/:.*/, (value) => `${value.slice(0, -3)}AAA`);
  let bytes = Buffer.concat([
    ...chunks.flatMap(({ line, data }) =>
      data.length === 0
        ? [Buffer.from(`${line}\r\n`)]
        : [Buffer.from(`${line}\r\n`), data, Buffer.from("\r\n")],
    ),
    Buffer.from(`${end}\r\n`),
  ]);
  if (fault === "cut")
    bytes = bytes.subarray(0, Math.max(0, bytes.length - 5 - (spoilDice?.below(200) ?? 0)));
  if (fault === "noise" && spoilDice !== null)
    bytes = Buffer.from(scrambled(spoilDice, bytes.toString("latin1")), "latin1");
  return { bytes, isTampered: isTampered || fault === "cut" || (fault === "trailer" && end !== trailer) };
}

/** Changes chunks in place; answers whether a right server must notice. */
function spoil(chunks: Chunk[], fault: (typeof chunkFaults)[number], style: BodyStyle, dice: Dice): boolean {
  const at = dice.below(chunks.length);
  const chunk = chunks[at];
  const next = chunks[at + 1];
  if (chunk === undefined) return false;
  const isSigned = style !== "unsigned-trailer";
  switch (fault) {
    case "signature":
      if (!isSigned) return false;
      chunk.line = chunk.line.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
      return true;
    case "size": {
      const [digits = "0", ...rest] = chunk.line.split(";");
      const size = Math.max(0, Number.parseInt(digits, 16) + dice.pick([-1, 1, 1_000, 2 ** 40, 2 ** 52]));
      if (size === Number.parseInt(digits, 16)) return false;
      chunk.line = [size.toString(16), ...rest].join(";");
      return true;
    }
    case "drop":
      chunks.splice(at, 1);
      return true;
    case "swap":
      if (next === undefined || next.data.equals(chunk.data)) return false;
      [chunks[at], chunks[at + 1]] = [next, chunk];
      return true;
    case "data":
      if (chunk.data.length === 0) return false;
      chunk.data = Buffer.from(chunk.data);
      chunk.data[0] = (chunk.data[0] ?? 0) ^ 1;
      return true;
    default:
      return false;
  }
}

function framed(
  style: BodyStyle,
  content: Buffer,
  seed: ChunkSeed,
  chunkBytes: number,
): { chunks: Chunk[]; trailer: string } {
  const chunks: Chunk[] = [];
  const scope = scopeOf(seed.dateTime);
  const key = signingKey(seed.secret, scope);
  let previous = seed.signature;
  const sign = (kind: string, ...lines: string[]): string => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, seed.dateTime, scope, previous, ...lines].join("\n");
    previous = createHmac("sha256", key).update(text).digest("hex");
    return previous;
  };
  for (let at = 0; at <= content.length; at += chunkBytes) {
    const data = content.subarray(at, at + chunkBytes);
    if (data.length === 0 && at > 0) break;
    if (data.length > 0) chunks.push({ line: lineOf(data), data });
  }
  chunks.push({ line: lineOf(Buffer.alloc(0)), data: Buffer.alloc(0) });
  function lineOf(data: Buffer): string {
    const size = data.length.toString(16);
    if (style === "unsigned-trailer") return size;
    return `${size};chunk-signature=${sign("PAYLOAD", emptyHash, hex(data))}`;
  }
  if (style === "chunks") return { chunks, trailer: "" };
  const trailer = `x-amz-checksum-crc32:${crc32Of(content)}`;
  if (style === "unsigned-trailer") return { chunks, trailer: `${trailer}\r\n` };
  const signature = sign("TRAILER", hex(`${trailer}\n`));
  return { chunks, trailer: `${trailer}\r\nx-amz-trailer-signature:${signature}\r\n` };
}
