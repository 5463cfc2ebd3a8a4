import { createHash } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** S3's 1,024 bytes for the client's key, and room for the prefix of a job's area. */
const maxKeyBytes = 1536;
/** NAME_MAX of every file system the product runs on. */
const maxSegmentBytes = 255;

/** Refuses keys that are empty, over 1,536 bytes of UTF-8, or not Unicode text. */
export function assertKey(key: string): void {
  if (key === "") throw fail("object_key_invalid", { problem: "the key is empty. Name the object." });
  if (!key.isWellFormed()) {
    throw fail("object_key_invalid", { problem: "the key is not valid UTF-8. Encode it as UTF-8." });
  }
  const bytes = Buffer.byteLength(key);
  if (bytes > maxKeyBytes) throw fail("object_key_too_long", { bytes, limit: maxKeyBytes });
}

/** True for 3 to 63 characters after S3's rules for general purpose buckets; such a name is never a path. */
export function isBucketName(bucket: string): boolean {
  const wellFormed = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket);
  return wellFormed && !/\.[.-]|-\./.test(bucket) && !/^\d+\.\d+\.\d+\.\d+$/.test(bucket);
}

/** Refuses what is not a bucket name. */
export function assertBucketName(bucket: string): void {
  if (!isBucketName(bucket)) throw fail("bucket_name_invalid", { bucket: bucket.slice(0, 80) });
}

/**
 * The path segments of a key that a file system can hold as it is, or null: dot and empty segments, a
 * trailing slash, NUL, a backslash (a separator on Windows) and names over 255 bytes have no such path.
 */
export function keySegments(key: string): string[] | null {
  if (key.includes("\0") || key.includes("\\")) return null;
  const segments = key.split("/");
  const expressible = segments.every(
    (segment) =>
      segment !== "" &&
      segment !== "." &&
      segment !== ".." &&
      (segment.length <= maxSegmentBytes / 3 || Buffer.byteLength(segment) <= maxSegmentBytes),
  );
  return expressible ? segments : null;
}

/** SHA-256 of the key in hex: the name of what is stored about it. */
export function keyDigest(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Order of two texts by their UTF-8 bytes, which UTF-16 order is not above U+D7FF. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const difference = utf8Rank(left.charCodeAt(at)) - utf8Rank(right.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Surrogates stand for four byte sequences, so they come after U+E000 to U+FFFF. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
