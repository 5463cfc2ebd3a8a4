import { createHash } from "node:crypto";
import type { ChecksumAlgorithm } from "../storage.ts";
import type { ObjectRecord } from "./object-records.ts";
import type { OpenFile } from "./open-file.ts";

/** A running checksum; `digest` ends it and returns base64. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** Begins a checksum over no bytes. */
export type StartChecksum = (algorithm: ChecksumAlgorithm) => RunningChecksum;

/** What a file was found to be: as recorded, something else, or without anything to compare it with. */
export type ContentVerdict = { state: "whole" | "unchecked" } | { state: "damaged"; problem: string };

/** One value that bytes of a file must have. */
interface Check {
  name: string;
  expected: string;
  running: RunningChecksum;
}

/** Bytes of the file up to `end`, and what is checked over them, from the end of the stretch before. */
interface Stretch {
  end: number;
  checks: Check[];
}

const readBytes = 1024 * 1024;

/** Reads the whole file and compares it with its record: the checksums, or the MD5 in the ETag where there are none. */
export async function verifyContent(
  file: OpenFile,
  record: ObjectRecord,
  start: StartChecksum,
): Promise<ContentVerdict> {
  const size = Number(file.stats().size);
  if (size !== record.sizeBytes)
    return { state: "damaged", problem: `it has ${size} bytes instead of ${record.sizeBytes}` };
  const wholeChecks = checksOfWhole(record, start);
  const parts = wholeChecks.length > 0 ? null : partsOf(record, start);
  if (wholeChecks.length === 0 && parts === null) return { state: "unchecked" };
  const stretches = parts?.stretches ?? [{ end: size, checks: wholeChecks }];
  const problem = await firstMismatch(file, stretches);
  if (problem !== null) return { state: "damaged", problem };
  if (parts?.isWhole() === false) return { state: "damaged", problem: "its bytes do not have its ETag" };
  return { state: "whole" };
}

function checksOfWhole(record: ObjectRecord, start: StartChecksum): Check[] {
  const checks: Check[] = [];
  if (record.checksumType === "FULL_OBJECT") {
    for (const [algorithm, expected] of Object.entries(record.checksums) as [ChecksumAlgorithm, string][])
      checks.push({ name: algorithm, expected, running: start(algorithm) });
  }
  if (checks.length === 0 && /^[0-9a-f]{32}$/.test(record.etag))
    checks.push({ name: "MD5", expected: record.etag, running: md5() });
  return checks;
}

interface Parts {
  stretches: Stretch[];
  /** To be asked after all stretches were read: whether the digests of the parts make up the ETag. */
  isWhole(): boolean;
}

/** The parts of a multipart object with their checksums, or with MD5s that only together can be compared. */
function partsOf(record: ObjectRecord, start: StartChecksum): Parts | null {
  const { partChecksums, partRuns, etag } = record;
  const sizes = partRuns.flatMap(([count, sizeBytes]) => Array.from({ length: count }, () => sizeBytes));
  if (sizes.length === 0) return null;
  let end = 0;
  if (partChecksums !== undefined) {
    const digests = Buffer.from(partChecksums.digests, "base64");
    const digestBytes = digests.length / sizes.length;
    const stretches = sizes.map((sizeBytes, index) => {
      const expected = digests.subarray(index * digestBytes, (index + 1) * digestBytes).toString("base64");
      const name = `${partChecksums.algorithm} of part ${index + 1}`;
      return {
        end: (end += sizeBytes),
        checks: [{ name, expected, running: start(partChecksums.algorithm) }],
      };
    });
    return { stretches, isWhole: () => true };
  }
  const joined = createHash("md5");
  const stretches = sizes.map((sizeBytes) => {
    const part = createHash("md5");
    const running = {
      update: (bytes: Uint8Array) => void part.update(bytes),
      digest: () => (joined.update(part.digest()), ""),
    };
    return { end: (end += sizeBytes), checks: [{ name: "", expected: "", running }] };
  });
  return { stretches, isWhole: () => `${joined.digest("hex")}-${sizes.length}` === etag };
}

function md5(): RunningChecksum {
  const hash = createHash("md5");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}

async function firstMismatch(file: OpenFile, stretches: readonly Stretch[]): Promise<string | null> {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let at = 0;
  for (const { end, checks } of stretches) {
    while (at < end) {
      const bytesRead = await file.read(buffer, Math.min(readBytes, end - at), at);
      if (bytesRead === 0) return `it ends after ${at} bytes`;
      for (const { running } of checks) running.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    for (const { name, expected, running } of checks)
      if (running.digest() !== expected) return `its bytes do not have the stored ${name}`;
  }
  return null;
}
