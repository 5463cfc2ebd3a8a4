import type { ObjectInfo } from "../adapters/storage/storage.ts";
import { crc32Model, crcCombiner } from "../domain/crc-arithmetic.ts";

/**
 * The CRC-32 of an object's bytes as its writer declared it, for the whole or for each of its parts; null when it
 * declared none.
 */
export function storedCrc32(object: ObjectInfo): number | null {
  const { checksums, checksumType, partChecksums, partRuns } = object;
  if (checksums.CRC32 !== undefined && checksumType === "FULL_OBJECT")
    return Buffer.from(checksums.CRC32, "base64").readUInt32BE(0);
  if (partChecksums?.algorithm !== "CRC32") return null;
  const digests = Buffer.from(partChecksums.digests, "base64");
  const sizes = partRuns.flatMap(([count, sizeBytes]) => Array<number>(count).fill(sizeBytes));
  if (digests.length !== sizes.length * 4) return null;
  const combine = crcCombiner(crc32Model);
  const joined = sizes.reduce(
    (crc, sizeBytes, index) => combine(crc, BigInt(digests.readUInt32BE(index * 4)), sizeBytes),
    0n,
  );
  return Number(joined);
}
