import { createHash } from "node:crypto";

export { assertBucketName, assertKey, compareKeys, isBucketName } from "../object-names.ts";

/** NAME_MAX of every file system the product runs on. */
const maxSegmentBytes = 255;

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
