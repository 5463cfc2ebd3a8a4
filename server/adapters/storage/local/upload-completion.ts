import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, unlink } from "node:fs/promises";
import { chooseParts } from "../chosen-parts.ts";
import type { ChecksumAlgorithm, CompleteUpload, ObjectInfo, PartChecksums } from "../storage.ts";
import { copyRange } from "./body-writer.ts";
import { diskError } from "./disk.ts";
import { commitFile, type WritingParts } from "./object-files.ts";
import { fileIdentity, recordInfo } from "./object-records.ts";
import { openFile } from "./open-file.ts";
import type { UploadParts } from "./upload-parts.ts";
import { dataFile, type PartRecord, type UploadState } from "./upload-state.ts";
import { findCompletion, requireUpload, tidyCompleted, uploadPath, writeCompletion } from "./uploads.ts";

/** Holds the parts in one sequence when they do not lie in place. */
const assembledFile = "assembled";

/**
 * Makes the listed parts one object. Where they lie in place already, nothing is copied. Answers a repeated
 * request as the first. A crash leaves the upload open or the object whole.
 */
export async function completeUpload(
  parts: UploadParts & WritingParts,
  input: CompleteUpload,
): Promise<ObjectInfo> {
  return parts.lock(input.uploadId, async () => {
    const earlier = await findCompletion(parts.disk, input);
    if (earlier !== null) return earlier;
    const info = await requireUpload(parts.uploads, input);
    const object = await parts.states.use(info, async (state) => {
      const chosen = chooseParts(state.parts, input);
      state.isClosed = true;
      try {
        await Promise.all(state.writes);
        return await commitParts(parts, state, chosen, input);
      } catch (error) {
        state.isClosed = false;
        throw await diskError(parts.disk.root, error);
      }
    });
    parts.states.drop(input.uploadId);
    await tidyCompleted(parts.disk, input.uploadId);
    return object;
  });
}

async function commitParts(
  parts: UploadParts & WritingParts,
  state: UploadState,
  chosen: readonly PartRecord[],
  input: CompleteUpload,
): Promise<ObjectInfo> {
  const { bucket, key, uploadId, headers, userMetadata, tags, acl, checksumAlgorithm } = state.info;
  const source = liesInPlace(state, chosen) ? dataFile : assembledFile;
  await assemble(parts, state, chosen, source);
  const path = uploadPath(parts.disk, uploadId, source);
  const { checksums, checksumType, conditions } = input;
  const record = {
    headers,
    userMetadata,
    tags,
    acl,
    checksums,
    checksumType,
    etag: multipartEtag(chosen),
    partRuns: runsOf(chosen),
    partChecksums: joinPartChecksums(chosen, checksumAlgorithm),
  };
  const identity = fileIdentity(await lstat(path, { bigint: true }));
  const info = recordInfo(bucket, key, { ...record, ...identity });
  parts.uploads.ended(uploadId);
  await writeCompletion(parts.disk, uploadId, { source, info });
  return commitFile(parts, { bucket, key, path, identity, flushed: Promise.resolve(), record, conditions });
}

/**
 * True when every part of the data file is chosen and starts where it must in the object, so that the rest fits
 * into the gaps. Otherwise the data file must stay as it is: should completing fail, another choice may follow.
 */
function liesInPlace(state: UploadState, chosen: readonly PartRecord[]): boolean {
  let offset = 0;
  let chosenInData = 0;
  for (const part of chosen) {
    if (part.file === dataFile) {
      if (part.offset !== offset) return false;
      chosenInData++;
    }
    offset += part.sizeBytes;
  }
  const inData = [...state.parts.values()].filter((part) => part.file === dataFile).length;
  return inData === chosenInData;
}

/** Copies into `target` the parts that are not there yet and cuts off what was left behind by failed ones. */
async function assemble(
  parts: UploadParts,
  state: UploadState,
  chosen: readonly PartRecord[],
  target: string,
): Promise<void> {
  const pathOf = (file: string): string => uploadPath(parts.disk, state.info.uploadId, file);
  if (target === assembledFile) await unlink(pathOf(target)).catch(() => undefined);
  const create = target === assembledFile ? constants.O_CREAT | constants.O_EXCL : 0;
  const to = await openFile(pathOf(target), constants.O_WRONLY | constants.O_NOFOLLOW | create);
  try {
    let position = 0;
    for (const part of chosen) {
      if (part.file !== target) {
        const from = await openFile(pathOf(part.file), constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          await copyRange(from, to, { start: part.offset, end: part.offset + part.sizeBytes, position });
        } finally {
          from.closeNow();
        }
      }
      position += part.sizeBytes;
    }
    await to.truncate(position);
    await parts.disk.flush(to, position);
  } finally {
    await to.close();
  }
}

/** MD5 over the parts' MD5s and their number, as S3 does it. */
function multipartEtag(chosen: readonly PartRecord[]): string {
  const digest = createHash("md5");
  for (const part of chosen) digest.update(Buffer.from(part.etag, "hex"));
  return `${digest.digest("hex")}-${chosen.length}`;
}

function runsOf(chosen: readonly PartRecord[]): [count: number, sizeBytes: number][] {
  const runs: [count: number, sizeBytes: number][] = [];
  for (const { sizeBytes } of chosen) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === sizeBytes) last[0]++;
    else runs.push([1, sizeBytes]);
  }
  return runs;
}

/** Undefined unless every part has a checksum of the upload's algorithm. */
function joinPartChecksums(
  chosen: readonly PartRecord[],
  algorithm: ChecksumAlgorithm | null,
): PartChecksums | undefined {
  if (algorithm === null) return undefined;
  const digests: Buffer[] = [];
  for (const { checksums } of chosen) {
    const digest = checksums[algorithm];
    if (digest === undefined) return undefined;
    digests.push(Buffer.from(digest, "base64"));
  }
  return { algorithm, digests: Buffer.concat(digests).toString("base64") };
}
