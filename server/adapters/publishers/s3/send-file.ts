import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Keeping, PublishedFile, PublishWatch } from "../publisher.ts";
import type { BucketCalls, SentPart } from "./bucket-calls.ts";

const mebibyte = 1024 * 1024;
/** Up to here a file goes in one request. */
const singleBytes = 16 * mebibyte;
/** Each is held, so that it can be sent again; all but the last are equal, as some services demand. */
const usualPartBytes = 8 * mebibyte;
/** S3's most. */
const mostParts = 10_000;
/** Parts under way at once. */
const partsAtOnce = 3;

/** What sending works with. */
export interface Sending {
  calls: BucketCalls;
  keeping: Keeping;
  watch: PublishWatch;
  signal: AbortSignal;
}

/** Brings one file to its key unless it is there; a large one goes on with the parts that arrived before. */
export async function sendFile(sending: Sending, file: PublishedFile, key: string): Promise<void> {
  const { calls, watch, signal } = sending;
  if (await isThere(sending, file, key)) return watch.arrived(file.path, file.sizeBytes);
  if (file.sizeBytes <= singleBytes) {
    await calls.put(key, await bytesOf(file, 0, file.sizeBytes), file.version, signal);
    return watch.arrived(file.path, file.sizeBytes);
  }
  await sendParts(sending, file, key);
  watch.arrived(file.path, 0);
}

async function isThere({ calls, signal }: Sending, file: PublishedFile, key: string): Promise<boolean> {
  const found = await calls.find(key, signal);
  return found?.sizeBytes === file.sizeBytes && found.version === file.version;
}

/** The one upload that a delivery may have open. */
interface OpenUpload {
  key: string;
  version: string;
  uploadId: string;
}

async function sendParts(sending: Sending, file: PublishedFile, key: string): Promise<void> {
  const { calls, keeping, watch, signal } = sending;
  const partBytes = partSize(file.sizeBytes);
  const { uploadId, parts } = await openOrResume(sending, file, key, partBytes);
  watch.moved(parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const sent = new Map(parts.map((part) => [part.partNumber, part]));
  const missing = partNumbers(file.sizeBytes, partBytes).filter((number) => !sent.has(number));
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const work = async (): Promise<void> => {
    for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
      const start = (number - 1) * partBytes;
      const body = await bytesOf(file, start, Math.min(file.sizeBytes, start + partBytes));
      either.throwIfAborted();
      sent.set(number, await calls.putPart(key, uploadId, number, body, either));
      watch.moved(body.byteLength);
    }
  };
  // The first failure stops the others; all have ended before it is told, so that nothing is sent behind its back.
  const outcomes = await Promise.allSettled(
    Array.from({ length: partsAtOnce }, () =>
      work().catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    ),
  );
  signal.throwIfAborted();
  const first = outcomes.find((outcome) => outcome.status === "rejected" && !isAbort(outcome.reason));
  if (first?.status === "rejected") throw first.reason;
  const ordered = [...sent.values()].sort((a, b) => a.partNumber - b.partNumber);
  const isComplete =
    (await calls.complete(key, uploadId, ordered, signal)) || (await isThere(sending, file, key));
  await keeping.remember({ upload: null });
  if (!isComplete) throw fail("destination_incomplete", { place: calls.place.name, file: file.path });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** The upload that an earlier attempt left open for this version of the file, else a new one. */
async function openOrResume(
  { calls, keeping, signal }: Sending,
  file: PublishedFile,
  key: string,
  partBytes: number,
): Promise<{ uploadId: string; parts: SentPart[] }> {
  const kept = openUploadOf(keeping.memory["upload"]);
  if (kept !== null) {
    const isOurs = kept.key === key && kept.version === file.version;
    const parts = isOurs ? await calls.partsOf(key, kept.uploadId, signal) : null;
    if (parts !== null)
      return {
        uploadId: kept.uploadId,
        parts: parts.filter((part) => isWhole(part, file.sizeBytes, partBytes)),
      };
    await calls.abort(kept.key, kept.uploadId);
  }
  const uploadId = await calls.openUpload(key, file.version, signal);
  const upload: OpenUpload = { key, version: file.version, uploadId };
  await keeping.remember({ upload });
  return { uploadId, parts: [] };
}

function openUploadOf(kept: unknown): OpenUpload | null {
  if (typeof kept !== "object" || kept === null) return null;
  const { key, version, uploadId } = kept as Record<string, unknown>;
  return typeof key === "string" && typeof version === "string" && typeof uploadId === "string"
    ? { key, version, uploadId }
    : null;
}

function partSize(fileBytes: number): number {
  return Math.max(usualPartBytes, Math.ceil(fileBytes / mostParts / mebibyte) * mebibyte);
}

function partNumbers(fileBytes: number, partBytes: number): number[] {
  return Array.from({ length: Math.ceil(fileBytes / partBytes) }, (_, index) => index + 1);
}

function isWhole({ partNumber, sizeBytes }: SentPart, fileBytes: number, partBytes: number): boolean {
  return sizeBytes === Math.min(partBytes, fileBytes - (partNumber - 1) * partBytes);
}

async function bytesOf(file: PublishedFile, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(end - start);
  let filled = 0;
  for await (const chunk of file.read(start, end)) {
    bytes.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled !== bytes.length) throw fail("delivery_file_changed", { file: file.path });
  return bytes;
}
