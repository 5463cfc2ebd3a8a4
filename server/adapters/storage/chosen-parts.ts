import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { CompleteUpload, PartInfo } from "./storage.ts";

/** Every part but the last must have so many bytes (S3's limit). */
const minPartBytes = 5 * 1024 * 1024;

/**
 * The parts that a completion names, of those that were stored. Refuses with `upload_part_order`,
 * `upload_part_invalid` or `upload_part_too_small`.
 */
export function chooseParts<Part extends Pick<PartInfo, "partNumber" | "etag" | "sizeBytes">>(
  stored: ReadonlyMap<number, Part>,
  { parts }: Pick<CompleteUpload, "parts">,
): Part[] {
  const chosen: Part[] = [];
  let previous = 0;
  for (const { partNumber, etag } of parts) {
    if (partNumber <= previous) throw fail("upload_part_order");
    previous = partNumber;
    const part = stored.get(partNumber);
    if (part === undefined || part.etag !== etag)
      throw fail("upload_part_invalid", { part_number: partNumber });
    chosen.push(part);
  }
  const small = chosen.slice(0, -1).find((part) => part.sizeBytes < minPartBytes);
  if (small !== undefined) {
    throw fail("upload_part_too_small", {
      part_number: small.partNumber,
      size_bytes: small.sizeBytes,
      minimum_bytes: minPartBytes,
    });
  }
  return chosen;
}
