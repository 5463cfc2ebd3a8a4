import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { CreateUpload, ObjectInfo, UploadInfo, UploadRef } from "../storage.ts";
import { errorCode, isBlocked } from "./directories.ts";
import { type Disk, throwDiskError } from "./disk.ts";
import { assertKey, compareKeys } from "./object-key.ts";
import type { OpenUploads } from "./open-uploads.ts";
import { dataFile } from "./upload-state.ts";

const hourMs = 3_600_000;
/** A repeated CompleteMultipartUpload is answered for so long. */
const tombstoneMs = 24 * hourMs;
/** An upload that nobody continued for so long is dropped. */
const abandonedMs = 7 * 24 * hourMs;

/** Uploads whose files are read at the same time. */
const readAtOnce = 64;

/** The result of a completion, written before its file is renamed away; with the file gone it has happened. */
export interface Completion {
  /** Name of the file in the upload's folder that becomes the object. */
  source: string;
  info: ObjectInfo;
}

/** A path in the folder of an upload: `.s3/mpu/<id>/` with upload.json, parts.log, data, staged.*, complete.json. */
export function uploadPath(disk: Disk, uploadId: string, ...names: string[]): string {
  return disk.own("mpu", uploadId, ...names);
}

/** Opens an upload; it lasts once this resolves. */
export async function createUpload(disk: Disk, input: CreateUpload): Promise<UploadInfo> {
  assertKey(input.key);
  const info = { ...input, uploadId: randomBytes(16).toString("hex"), createdMs: disk.clock() };
  await mkdir(uploadPath(disk, info.uploadId)).catch(throwDiskError(disk.root));
  await writeFile(uploadPath(disk, info.uploadId, dataFile), "").catch(throwDiskError(disk.root));
  await disk.replaceFile(uploadPath(disk, info.uploadId, "upload.json"), JSON.stringify(info));
  return info;
}

/** Null when unknown, aborted or completed. */
export async function findUpload(uploads: OpenUploads, ref: UploadRef): Promise<UploadInfo | null> {
  if (!isUploadId(ref.uploadId)) return null;
  const info = await uploads.find(ref.uploadId);
  return info !== null && isNamed(info, ref) ? info : null;
}

/** As {@link findUpload}, refusing with `upload_not_found`. */
export async function requireUpload(uploads: OpenUploads, ref: UploadRef): Promise<UploadInfo> {
  const info = await findUpload(uploads, ref);
  if (info === null) throw fail("upload_not_found", { upload_id: ref.uploadId.slice(0, 80) });
  return info;
}

/** An unfinished upload as its files tell it. */
export async function readOpenUpload(disk: Disk, uploadId: string): Promise<UploadInfo | null> {
  const info = await readInfo(disk, uploadId);
  return info !== null && (await readCompletion(disk, uploadId)) === null ? info : null;
}

/** What an upload ended with, null while it is unfinished or when it is unknown. */
export async function findCompletion(disk: Disk, ref: UploadRef): Promise<ObjectInfo | null> {
  if (!isUploadId(ref.uploadId)) return null;
  const info = await readInfo(disk, ref.uploadId);
  return info !== null && isNamed(info, ref) ? readCompletion(disk, ref.uploadId) : null;
}

/** Must be written before the source is renamed away. */
export async function writeCompletion(disk: Disk, uploadId: string, completion: Completion): Promise<void> {
  await disk.replaceFile(uploadPath(disk, uploadId, "complete.json"), JSON.stringify(completion));
}

/** The unfinished uploads of keys with a prefix, by key, then by age. */
export async function listUploads(
  disk: Disk,
  uploads: OpenUploads,
  bucket: string,
  prefix: string,
): Promise<UploadInfo[]> {
  const found: UploadInfo[] = [];
  const look = async (uploadId: string): Promise<void> => {
    const info = await uploads.find(uploadId);
    if (info !== null && info.bucket === bucket && info.key.startsWith(prefix)) found.push(info);
  };
  const ids = await readdir(disk.own("mpu"));
  // One after the other, each waits its turn behind everything else that reads and writes.
  for (let from = 0; from < ids.length; from += readAtOnce)
    await Promise.all(ids.slice(from, from + readAtOnce).map(look));
  return found.sort((left, right) => compareKeys(left.key, right.key) || left.createdMs - right.createdMs);
}

/** Removes all but what tells that the upload was completed. */
export async function tidyCompleted(disk: Disk, uploadId: string): Promise<void> {
  for (const name of await readdir(uploadPath(disk, uploadId))) {
    if (name === "upload.json" || name === "complete.json") continue;
    await rm(uploadPath(disk, uploadId, name), { force: true });
  }
}

/** Removes an upload with its parts in one step. */
export async function removeUpload(disk: Disk, uploadId: string): Promise<void> {
  await disk.moveToTrash(uploadPath(disk, uploadId)).catch((error: unknown) => {
    if (!isBlocked(error)) throw error;
  });
  disk.emptyTrash();
}

/** Removes forgotten uploads, calling `drop` for each before. */
export async function sweepUploads(disk: Disk, drop: (uploadId: string) => void): Promise<void> {
  for (const uploadId of await readdir(disk.own("mpu"))) {
    const isCompleted = (await readCompletion(disk, uploadId)) !== null;
    const isWhole = (await readInfo(disk, uploadId)) !== null;
    const keptMs = isCompleted ? tombstoneMs : isWhole ? abandonedMs : hourMs;
    if (disk.clock() - (await lastTouchedMs(uploadPath(disk, uploadId))) > keptMs) {
      drop(uploadId);
      await removeUpload(disk, uploadId);
    } else if (isCompleted) await tidyCompleted(disk, uploadId);
  }
}

function isUploadId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

function isNamed(info: UploadInfo, ref: UploadRef): boolean {
  return info.bucket === ref.bucket && info.key === ref.key;
}

function readInfo(disk: Disk, uploadId: string): Promise<UploadInfo | null> {
  return readJson(uploadPath(disk, uploadId, "upload.json"), isUpload);
}

async function readCompletion(disk: Disk, uploadId: string): Promise<ObjectInfo | null> {
  const completion = await readJson(uploadPath(disk, uploadId, "complete.json"), isCompletion);
  if (completion === null) return null;
  return (await exists(uploadPath(disk, uploadId, completion.source))) ? null : completion.info;
}

/** When a part was last stored, or the folder last changed. */
async function lastTouchedMs(folder: string): Promise<number> {
  let latest = 0;
  for (const path of [folder, `${folder}/parts.log`, `${folder}/data`]) {
    try {
      latest = Math.max(latest, (await lstat(path)).mtimeMs);
    } catch (error) {
      if (!isBlocked(error)) throw error;
    }
  }
  return latest;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function readJson<Value>(
  path: string,
  isValue: (value: object) => value is object & Value,
): Promise<Value | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof parsed === "object" && parsed !== null && isValue(parsed) ? parsed : null;
  } catch (error) {
    if (isBlocked(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isUpload(value: object): value is UploadInfo {
  return "uploadId" in value && "bucket" in value && "key" in value && "createdMs" in value;
}

function isCompletion(value: object): value is Completion {
  return "source" in value && typeof value.source === "string" && "info" in value;
}
