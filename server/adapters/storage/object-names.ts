import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** S3's 1,024 bytes for the client's key, and room for the prefix of a job's area. */
const maxKeyBytes = 1536;

/** Refuses keys that are empty, over `limit` bytes of UTF-8, or not Unicode text. */
export function assertKey(key: string, limit = maxKeyBytes): void {
  if (key === "") throw fail("object_key_invalid", { problem: "the key is empty. Name the object." });
  if (!key.isWellFormed()) {
    throw fail("object_key_invalid", { problem: "the key is not valid UTF-8. Encode it as UTF-8." });
  }
  const bytes = Buffer.byteLength(key);
  if (bytes > limit) throw fail("object_key_too_long", { bytes, limit });
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
