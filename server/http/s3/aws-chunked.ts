import { createHash, type Hash, type KeyObject, timingSafeEqual } from "node:crypto";
import { S3Error } from "./s3-errors.ts";
import { credentialScope, hmac, signatureBytes, type SignatureClaim } from "./sig-v4.ts";

const maxLineBytes = 4 * 1024;
const maxTrailerBytes = 16 * 1024;
/** 2^40; no length of more hex digits is looked at. */
const maxSizeDigits = 10;

const lineFeed = 0x0a;

/** Checks the chain of chunk signatures that starts at the signature of the request. */
export interface ChunkSigning {
  claim: SignatureClaim;
  key: KeyObject;
}

type State = "size" | "data" | "data-end" | "trailers" | "done";

/**
 * Decodes a body in `aws-chunked` framing: `<hex size>[;chunk-signature=…]CRLF data CRLF … 0 CRLF trailers CRLF`.
 * A state machine over slices: whatever the sizes of chunks and slices, it holds a line of at most 4 KiB. With
 * `signing`, every chunk's signature (and that of the trailers) must be right.
 */
export class AwsChunkedDecoder {
  /** Trailers by lower case name, complete after {@link finish}. */
  readonly trailers = new Map<string, string>();
  readonly #signatures: ChunkSignatures | null;
  #state: State = "size";
  #line: number[] = [];
  #remaining = 0;
  #trailerBytes = 0;

  constructor(signing: ChunkSigning | null) {
    this.#signatures = signing === null ? null : chunkSignatures(signing);
  }

  /** The data bytes in the next slice of the body, in order; they are parts of the slice, not copies. */
  push(slice: Uint8Array): Uint8Array[] {
    const data: Uint8Array[] = [];
    let at = 0;
    while (at < slice.length) {
      if (this.#state === "done") throw brokenFraming();
      if (this.#state !== "data") {
        at = this.#takeLine(slice, at);
        continue;
      }
      const piece = slice.subarray(at, at + this.#remaining);
      this.#signatures?.update(piece);
      data.push(piece);
      at += piece.length;
      this.#remaining -= piece.length;
      if (this.#remaining === 0) this.#state = "data-end";
    }
    return data;
  }

  /** Throws unless the body ended where it may, with the signature it needs. */
  finish(): void {
    // Some clients leave out the empty line after the last chunk or trailer; nothing can be missing then.
    const isEnded = this.#state === "done" || (this.#state === "trailers" && this.#line.length === 0);
    if (!isEnded) throw new S3Error("IncompleteBody");
    this.#signatures?.endTrailers(this.trailers);
  }

  #takeLine(slice: Uint8Array, from: number): number {
    const end = slice.indexOf(lineFeed, from);
    const stop = end < 0 ? slice.length : end;
    if (this.#line.length + stop - from > maxLineBytes) throw brokenFraming();
    for (const byte of slice.subarray(from, stop)) this.#line.push(byte);
    if (end < 0) return stop;
    const text = Buffer.from(this.#line).toString("latin1");
    this.#line = [];
    this.#onLine(text.endsWith("\r") ? text.slice(0, -1) : text);
    return end + 1;
  }

  #onLine(text: string): void {
    if (this.#state === "size") {
      const { size, signature } = parseSizeLine(text);
      this.#signatures?.beginChunk(signature);
      this.#remaining = size;
      this.#state = size === 0 ? "trailers" : "data";
      if (size === 0) this.#signatures?.endChunk();
    } else if (this.#state === "data-end") {
      if (text !== "") throw brokenFraming();
      this.#signatures?.endChunk();
      this.#state = "size";
    } else if (text === "") {
      this.#state = "done";
    } else {
      this.#trailerBytes += text.length;
      if (this.#trailerBytes > maxTrailerBytes) throw new S3Error("MalformedTrailerError");
      addTrailer(this.trailers, text);
    }
  }
}

function brokenFraming(): S3Error {
  return new S3Error("InvalidChunkSizeError");
}

function parseSizeLine(text: string): { size: number; signature: string } {
  const [digits = "", ...extensions] = text.split(";");
  if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length > maxSizeDigits) throw brokenFraming();
  const signature = extensions.map(
    (extension) => /^\s*chunk-signature=([0-9a-f]{64})\s*$/.exec(extension)?.[1],
  );
  return {
    size: Number.parseInt(digits, 16),
    signature: signature.find((found) => found !== undefined) ?? "",
  };
}

function addTrailer(trailers: Map<string, string>, text: string): void {
  const separator = text.indexOf(":");
  if (separator <= 0) throw new S3Error("MalformedTrailerError");
  trailers.set(text.slice(0, separator).trim().toLowerCase(), text.slice(separator + 1).trim());
}

const emptyDigest = createHash("sha256").digest("hex");

interface ChunkSignatures {
  beginChunk(signature: string): void;
  update(bytes: Uint8Array): void;
  endChunk(): void;
  endTrailers(trailers: ReadonlyMap<string, string>): void;
}

/** Every signature covers the one before it, so chunks can be neither dropped nor swapped. */
function chunkSignatures({ claim, key }: ChunkSigning): ChunkSignatures {
  let previous = claim.signature;
  let declared = "";
  let digest: Hash = createHash("sha256");
  const scope = credentialScope(claim);
  const check = (signature: string, kind: "PAYLOAD" | "TRAILER", lines: string[]): void => {
    const text = [`AWS4-HMAC-SHA256-${kind}`, claim.dateTime, scope, previous, ...lines].join("\n");
    const expected = hmac(key, text);
    const given = signatureBytes(signature, "hex");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new S3Error("SignatureDoesNotMatch", "The signature of a chunk of the body is wrong.");
    }
    previous = signature;
  };
  return {
    beginChunk(signature) {
      declared = signature;
      digest = createHash("sha256");
    },
    update: (bytes) => void digest.update(bytes),
    endChunk: () => check(declared, "PAYLOAD", [emptyDigest, digest.digest("hex")]),
    endTrailers(trailers) {
      const signature = trailers.get("x-amz-trailer-signature");
      if (!claim.payloadHash.endsWith("-TRAILER")) return;
      if (signature === undefined)
        throw new S3Error("MalformedTrailerError", "The trailer signature is missing.");
      const signed = [...trailers].filter(([name]) => name !== "x-amz-trailer-signature");
      const text = signed.map(([name, value]) => `${name}:${value}\n`).join("");
      check(signature, "TRAILER", [createHash("sha256").update(text).digest("hex")]);
    },
  };
}
