import type { Checksums, ObjectInfo } from "../../adapters/storage/storage.ts";

/** One part of an object; an object put in one piece is its own part 1. */
export interface ObjectPart {
  partNumber: number;
  start: number;
  sizeBytes: number;
  checksums: Checksums;
}

/** How many parts a multipart object was made of; 0 for one put in one piece. */
export function partCount(info: ObjectInfo): number {
  return info.partRuns.reduce((sum, [count]) => sum + count, 0);
}

/** The part with this number, counted from 1; null when there is none. */
export function findPart(info: ObjectInfo, partNumber: number): ObjectPart | null {
  if (info.partRuns.length === 0) {
    const { sizeBytes, checksums } = info;
    return partNumber === 1 ? { partNumber, start: 0, sizeBytes, checksums } : null;
  }
  let start = 0;
  let skipped = partNumber - 1;
  for (const [count, sizeBytes] of info.partRuns) {
    if (skipped < 0) return null;
    if (skipped < count) {
      return {
        partNumber,
        start: start + skipped * sizeBytes,
        sizeBytes,
        checksums: checksumsOf(info, partNumber),
      };
    }
    start += count * sizeBytes;
    skipped -= count;
  }
  return null;
}

function checksumsOf(info: ObjectInfo, partNumber: number): Checksums {
  if (info.partChecksums === undefined) return {};
  const { algorithm, digests } = info.partChecksums;
  const size = Buffer.byteLength(digests, "base64") / partCount(info);
  const start = (partNumber - 1) * size;
  // Every 3 bytes are 4 characters: only those around the digest are decoded.
  const firstGroup = Math.floor(start / 3);
  const groups = Buffer.from(digests.slice(firstGroup * 4, Math.ceil((start + size) / 3) * 4), "base64");
  const offset = start - firstGroup * 3;
  return { [algorithm]: groups.subarray(offset, offset + size).toString("base64") };
}
