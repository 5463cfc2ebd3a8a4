import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Body, ChecksumAlgorithm, Checksums } from "../../adapters/storage/storage.ts";
import { AwsChunkedDecoder, type ChunkSigning } from "./aws-chunked.ts";
import {
  algorithmOfHeader,
  checksumAlgorithms,
  checksumHasher,
  checksumHeader,
  isChecksumValue,
} from "./checksums.ts";
import { checkedChunks } from "./incoming-chunks.ts";
import { S3Error } from "./s3-errors.ts";
import { headerOf } from "./s3-request.ts";

/** Up to this length the ETag of an object sent in one piece is its MD5 whatever else is known. */
const smallMd5Bytes = 64 * 1024 * 1024;

/** Up to this length a body that nothing else vouches for has its MD5 as ETag: old clients compare it with theirs. */
const largestMd5Bytes = 1024 * 1024 * 1024;

/** How the body is framed and what of it was signed. */
export type PayloadMode =
  | { kind: "plain"; sha256: string | null }
  | { kind: "aws-chunked"; signing: ChunkSigning | null };

/** A body whose declarations were checked, but of which nothing was read. */
export interface RequestBody {
  /** Decoded length, null when the client does not say. */
  readonly declaredBytes: number | null;
  /** From Content-MD5, in hex; the reader must compare it. */
  readonly expectedMd5: string | undefined;
  /** Decoded bytes; throws at the end unless length, digests, checksums and signatures are right. */
  readonly chunks: Body;
  /** The checksums that the body was found to have; to be read after the last chunk. */
  checksums(): Checksums;
}

/** How {@link openRequestBody} treats a body. */
export interface BodyOptions {
  /** A connection that brings no byte for so long is given up. */
  idleMs: number;
  /** A checksum to take whether or not the client declares it. */
  alsoCompute?: ChecksumAlgorithm | null;
  /** The checksum headers speak of something else than this body. */
  ignoresChecksumHeaders?: boolean;
  /** Told the decoded bytes of every chunk. */
  onBytes?: ((count: number) => void) | undefined;
}

/** The value of x-amz-content-sha256 as a mode; throws InvalidArgument for one that does not exist. */
export function payloadMode(declared: string, signing: ChunkSigning | null): PayloadMode {
  if (declared === "UNSIGNED-PAYLOAD") return { kind: "plain", sha256: null };
  if (/^[0-9a-f]{64}$/.test(declared)) return { kind: "plain", sha256: declared };
  if (declared === "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return { kind: "aws-chunked", signing: null };
  if (/^STREAMING-AWS4-HMAC-SHA256-PAYLOAD(-TRAILER)?$/.test(declared))
    return { kind: "aws-chunked", signing };
  throw new S3Error(
    "InvalidArgument",
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a SHA-256.",
  );
}

/**
 * Checks what the headers declare and prepares reading. Throws before a byte is read when a declaration cannot be right.
 */
export function openRequestBody(
  message: IncomingMessage,
  mode: PayloadMode,
  options: BodyOptions,
): RequestBody {
  const expectedMd5 = declaredMd5(message);
  const declaredBytes = declaredLength(message, mode);
  const expectations = declaredChecksums(message, options.ignoresChecksumHeaders === true);
  const announced = announcedTrailers(message);
  const algorithms = new Set<ChecksumAlgorithm>([...expectations.keys(), ...announced]);
  if (options.alsoCompute) algorithms.add(options.alsoCompute);
  const standIn = algorithms.size === 0 ? standInForMd5(mode, declaredBytes ?? 0) : null;
  if (standIn !== null) algorithms.add(standIn);
  const computed: Checksums = {};
  const check = bodyCheck(mode, declaredBytes, [...algorithms], (found, decoder) => {
    Object.assign(computed, found);
    if (decoder !== null) addTrailerExpectations(expectations, announced, decoder);
    for (const [algorithm, value] of expectations) {
      if (computed[algorithm] !== undefined && computed[algorithm] !== value) {
        throw new S3Error("BadDigest", `The body does not have the ${algorithm} that was declared for it.`);
      }
    }
  });
  const isPartWithChecksum = options.alsoCompute !== undefined && options.alsoCompute !== null;
  const isVouchedFor = isPartWithChecksum || (algorithms.size > 0 && (declaredBytes ?? 0) > smallMd5Bytes);
  const chunks = checkedChunks(message, options, check, isVouchedFor);
  return { declaredBytes, expectedMd5, chunks, checksums: () => computed };
}

/** A checksum for a large body without any: the signed hash, which is taken anyway, or one four times as fast as an MD5. */
function standInForMd5(mode: PayloadMode, declaredBytes: number): ChecksumAlgorithm | null {
  if (declaredBytes > smallMd5Bytes && mode.kind === "plain" && mode.sha256 !== null) return "SHA256";
  return declaredBytes > largestMd5Bytes ? "CRC64NVME" : null;
}

/** What {@link checkedChunks} does with the bytes that arrive. */
interface BodyCheck {
  /** The data in a slice; throws at the first byte that is too many or broken. */
  take(slice: Uint8Array): Uint8Array[];
  /** Throws unless the whole body was right. */
  finish(): void;
}

function bodyCheck(
  mode: PayloadMode,
  declaredBytes: number | null,
  algorithms: readonly ChecksumAlgorithm[],
  compare: (found: Checksums, decoder: AwsChunkedDecoder | null) => void,
): BodyCheck {
  const signedSha256 = mode.kind === "plain" ? mode.sha256 : null;
  const hashed =
    signedSha256 === null ? algorithms : algorithms.filter((algorithm) => algorithm !== "SHA256");
  const hashers = hashed.map((algorithm) => ({ algorithm, hasher: checksumHasher(algorithm) }));
  const sha256 = signedSha256 === null ? null : createHash("sha256");
  const decoder = mode.kind === "aws-chunked" ? new AwsChunkedDecoder(mode.signing) : null;
  let received = 0;
  return {
    take(slice) {
      const chunks = decoder === null ? [slice] : decoder.push(slice);
      for (const chunk of chunks) {
        received += chunk.length;
        if (declaredBytes !== null && received > declaredBytes) throw new S3Error("IncompleteBody");
        sha256?.update(chunk);
        for (const { hasher } of hashers) hasher.update(chunk);
      }
      return chunks;
    },
    finish() {
      decoder?.finish();
      if (declaredBytes !== null && received !== declaredBytes) throw new S3Error("IncompleteBody");
      const digest = sha256?.digest();
      if (digest !== undefined && digest.toString("hex") !== signedSha256)
        throw new S3Error("XAmzContentSHA256Mismatch");
      const found: Checksums = {};
      if (digest !== undefined && algorithms.includes("SHA256")) found.SHA256 = digest.toString("base64");
      for (const { algorithm, hasher } of hashers) found[algorithm] = hasher.digest();
      compare(found, decoder);
    },
  };
}

/** The whole body of an operation that takes XML, at most `limitBytes`. */
export async function readSmallBody(body: RequestBody, limitBytes: number): Promise<string> {
  if ((body.declaredBytes ?? 0) > limitBytes) throw new S3Error("EntityTooLarge");
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body.chunks) {
    length += chunk.length;
    if (length > limitBytes) throw new S3Error("EntityTooLarge");
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  if (body.expectedMd5 !== undefined && createHash("md5").update(whole).digest("hex") !== body.expectedMd5) {
    throw new S3Error("BadDigest");
  }
  return whole.toString("utf8");
}

function declaredMd5(message: IncomingMessage): string | undefined {
  const header = headerOf(message, "content-md5");
  if (header === undefined) return undefined;
  const bytes = Buffer.from(header, "base64");
  if (bytes.length !== 16 || bytes.toString("base64") !== header.trim()) throw new S3Error("InvalidDigest");
  return bytes.toString("hex");
}

function declaredLength(message: IncomingMessage, mode: PayloadMode): number | null {
  if (mode.kind === "plain" && isFramed(message))
    // Taken as it is, the framing would become a part of the object.
    throw new S3Error(
      "InvalidRequest",
      "The body is in aws-chunked framing, and x-amz-content-sha256 does not say so.",
    );
  const name = mode.kind === "plain" ? "content-length" : "x-amz-decoded-content-length";
  const header = headerOf(message, name);
  if (header === undefined) return null;
  if (!/^\d{1,15}$/.test(header)) throw new S3Error("InvalidArgument", `${name} is not a number of bytes.`);
  return Number(header);
}

/** Of clients that only name the encoding, none tells the length without it. */
function isFramed(message: IncomingMessage): boolean {
  const encoding = headerOf(message, "content-encoding") ?? "";
  return /(^|,)\s*aws-chunked\s*(,|$)/i.test(encoding) && "x-amz-decoded-content-length" in message.headers;
}

function declaredChecksums(message: IncomingMessage, areIgnored: boolean): Map<ChecksumAlgorithm, string> {
  const declared = new Map<ChecksumAlgorithm, string>();
  if (areIgnored) return declared;
  for (const algorithm of checksumAlgorithms) {
    const value = headerOf(message, checksumHeader(algorithm));
    if (value === undefined) continue;
    if (!isChecksumValue(algorithm, value)) {
      throw new S3Error("BadDigest", `${checksumHeader(algorithm)} is not the base64 of a ${algorithm}.`);
    }
    declared.set(algorithm, value);
  }
  return declared;
}

function announcedTrailers(message: IncomingMessage): ChecksumAlgorithm[] {
  const names = (headerOf(message, "x-amz-trailer") ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase());
  return names.flatMap((name) => algorithmOfHeader(name) ?? []);
}

/** A trailer that was announced must come; one that was not is no promise and is not looked at. */
function addTrailerExpectations(
  expectations: Map<ChecksumAlgorithm, string>,
  announced: readonly ChecksumAlgorithm[],
  decoder: AwsChunkedDecoder,
): void {
  for (const algorithm of announced) {
    const value = decoder.trailers.get(checksumHeader(algorithm));
    if (value === undefined || !isChecksumValue(algorithm, value)) throw new S3Error("MalformedTrailerError");
    expectations.set(algorithm, value);
  }
}
