import { createHash } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";
import type { ChecksumAlgorithm, Checksums, ChecksumType } from "../../adapters/storage/storage.ts";
import {
  crc32cModel,
  crc32Model,
  crc64nvmeModel,
  crcCombiner,
  type CrcModel,
} from "../../domain/crc-arithmetic.ts";
import { crc } from "./crc.ts";

/** Every checksum algorithm, in the order of the documents. */
export const checksumAlgorithms = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;

const digestBytes: Record<ChecksumAlgorithm, number> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

const crcModels: Partial<Record<ChecksumAlgorithm, CrcModel>> = {
  CRC32: crc32Model,
  CRC32C: crc32cModel,
  CRC64NVME: crc64nvmeModel,
};

/** The header or trailer that carries an algorithm's value. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The algorithm that a header or trailer name stands for. */
export function algorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return checksumAlgorithms.find((algorithm) => checksumHeader(algorithm) === name);
}

/** True for base64 of exactly the algorithm's length. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string): boolean {
  const bytes = Buffer.from(value, "base64");
  return bytes.length === digestBytes[algorithm] && bytes.toString("base64") === value;
}

/** A running checksum; `digest` ends it and returns base64. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** A checksum over no bytes yet. */
export function checksumHasher(algorithm: ChecksumAlgorithm): Hasher {
  if (algorithm === "SHA1" || algorithm === "SHA256") {
    const hash = createHash(algorithm.toLowerCase());
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("base64") };
  }
  if (algorithm === "CRC32") {
    let value = 0;
    return {
      update: (bytes) => void (value = zlibCrc32(bytes, value)),
      digest: () => bigEndian(BigInt(value), digestBytes.CRC32).toString("base64"),
    };
  }
  const running = crc(algorithm === "CRC32C" ? crc32cModel : crc64nvmeModel);
  return {
    update: (bytes) => running.update(bytes),
    digest: () => bigEndian(running.value(), digestBytes[algorithm]).toString("base64"),
  };
}

function bigEndian(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, "0"), "hex");
}

/** CRC64NVME is always over the whole object, hashes never; S3's rule for uploads that do not say. */
export function defaultChecksumType(algorithm: ChecksumAlgorithm | null): ChecksumType {
  return algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
}

/** True when S3 knows this pair. */
export function isChecksumTypePossible(algorithm: ChecksumAlgorithm, type: ChecksumType): boolean {
  if (algorithm === "CRC64NVME") return type === "FULL_OBJECT";
  return type === "COMPOSITE" || crcModels[algorithm] !== undefined;
}

/**
 * The checksum of a multipart object from its parts': for FULL_OBJECT that of the whole bytes, for COMPOSITE the
 * checksum of the parts' digests with `-<parts>`. Empty when a part has none.
 */
export function joinChecksums(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly { sizeBytes: number; checksums: Checksums }[],
): Checksums {
  const digests: Buffer[] = [];
  for (const { checksums } of parts) {
    const value = checksums[algorithm];
    if (value === undefined) return {};
    digests.push(Buffer.from(value, "base64"));
  }
  if (type === "COMPOSITE") {
    const hasher = checksumHasher(algorithm);
    for (const digest of digests) hasher.update(digest);
    return { [algorithm]: `${hasher.digest()}-${parts.length}` };
  }
  const model = crcModels[algorithm];
  if (model === undefined) return {};
  const combine = crcCombiner(model);
  let joined = 0n;
  for (const [index, { sizeBytes }] of parts.entries()) {
    const value = BigInt(`0x${digests[index]?.toString("hex") ?? "0"}`);
    joined = index === 0 ? value : combine(joined, value, sizeBytes);
  }
  return { [algorithm]: bigEndian(joined, digestBytes[algorithm]).toString("base64") };
}
