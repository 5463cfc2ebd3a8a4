import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type {
  CompleteUpload,
  ObjectInfo,
  PartChecksums,
  PartInfo,
  UploadInfo,
  UploadRef,
} from "../storage.ts";
import { chooseParts } from "../chosen-parts.ts";
import type { Description } from "./descriptions.ts";
import { completeExternal, record } from "./object-writing.ts";
import { findState, listParts, partNames, stateName, unknownUpload, type UploadState } from "./uploads.ts";
import { findVersion, type ReadingParts } from "./versions.ts";

/** Where the result of a completed upload is kept for a day. */
export function completionName({ connection }: ReadingParts, uploadId: string): string {
  return connection.own("completed", uploadId);
}

/**
 * Makes the listed parts one object. Answers a repeated request as the first, on any server, also when the first
 * died before it could note its success: the object carries the id that the upload was opened with.
 */
export async function completeUpload(parts: ReadingParts, input: CompleteUpload): Promise<ObjectInfo> {
  const state = await findState(parts, input);
  if (state === null) return earlierResult(parts, input);
  try {
    const stored = await listParts(parts, state);
    const chosen = chooseParts(new Map(stored.map((part) => [part.partNumber, part])), input);
    const object = await commit(parts, state, chosen, input);
    await close(parts, state, object);
    return object;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "upload_not_found") throw error;
    const version = await findVersion(parts, input.bucket, input.key);
    if (version?.id !== state.versionId) throw unknownUpload(input);
    await close(parts, state, version.info);
    return version.info;
  }
}

async function earlierResult(parts: ReadingParts, ref: UploadRef): Promise<ObjectInfo> {
  if (!/^[0-9a-f]{32}$/.test(ref.uploadId)) throw unknownUpload(ref);
  const info = (await parts.connection.readDocument(completionName(parts, ref.uploadId)))?.value;
  if (info === undefined || !isObjectInfo(info) || info.bucket !== ref.bucket || info.key !== ref.key)
    throw unknownUpload(ref);
  return info;
}

function isObjectInfo(value: object): value is ObjectInfo {
  return "bucket" in value && "key" in value && "etag" in value && "checksums" in value;
}

/** The result is kept before the upload is forgotten, so that there is always one of both. */
async function close(parts: ReadingParts, { info }: UploadState, object: ObjectInfo): Promise<void> {
  await parts.connection.writeDocument(completionName(parts, info.uploadId), object);
  await parts.connection.remove([
    stateName(parts, info.bucket, info.uploadId),
    ...(await partNames(parts, info.uploadId)),
  ]);
}

async function commit(
  parts: ReadingParts,
  { info, externalId, versionId }: UploadState,
  chosen: readonly PartInfo[],
  input: CompleteUpload,
): Promise<ObjectInfo> {
  const { bucket, key, headers, userMetadata, tags, acl } = info;
  const { checksums, checksumType, conditions } = input;
  const description: Description = {
    headers,
    userMetadata,
    tags,
    acl,
    checksums,
    checksumType,
    partRuns: runsOf(chosen),
    partChecksums: joinPartChecksums(chosen, info),
  };
  await record(parts, info, versionId, description);
  const external = chosen.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: `"${etag}"` }));
  const target = { bucket, key, ...(conditions !== undefined && { conditions }) };
  const etag = await completeExternal(parts, target, externalId, external);
  const sizeBytes = chosen.reduce((sum, part) => sum + part.sizeBytes, 0);
  return {
    ...description,
    bucket,
    key,
    sizeBytes,
    etag,
    lastModifiedMs: Math.floor(Date.now() / 1000) * 1000,
  };
}

function runsOf(chosen: readonly PartInfo[]): [count: number, sizeBytes: number][] {
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
  chosen: readonly PartInfo[],
  { checksumAlgorithm }: UploadInfo,
): PartChecksums | undefined {
  if (checksumAlgorithm === null) return undefined;
  const digests: Buffer[] = [];
  for (const { checksums } of chosen) {
    const digest = checksums[checksumAlgorithm];
    if (digest === undefined) return undefined;
    digests.push(Buffer.from(digest, "base64"));
  }
  return { algorithm: checksumAlgorithm, digests: Buffer.concat(digests).toString("base64") };
}
