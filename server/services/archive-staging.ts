import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Body, ObjectStorage, UploadInfo } from "../adapters/storage/storage.ts";
import type { StorageShare } from "./upload-tokens.ts";

/** Bucket that archives wait in while a provider fetches them. */
export const stagingBucket = "datasets";

/** An address must outlive the provider's queue; a week is the longest that S3 signs for. */
const addressSeconds = 7 * 24 * 3_600;
/** Parts are at least this large, and at most as many as S3 takes. */
const smallestPartBytes = 16 << 20;
const mostParts = 9_000;

/** What staging needs. */
export interface ArchiveStagingOptions {
  /** Where archives are put. */
  storage: ObjectStorage & {
    shareUrl?(bucket: string, key: string, validSeconds: number): Promise<string>;
  };
  /** `bucket`: readers get the storage's own address; `server`: that of this server's endpoint; null: nobody reads it. */
  place: () => Promise<"server" | "bucket" | null>;
  /** This server's endpoint with a credential that opens the job's archive and nothing else. */
  share: (jobId: string) => Promise<StorageShare>;
  /** The signed address of an object at an endpoint. */
  presign: (share: StorageShare, bucket: string, key: string, validSeconds: number) => string;
}

/** What to stage. */
export interface StagedArchive {
  jobId: string;
  archivePath: string;
  onProgress: (sentBytes: number, totalBytes: number) => void;
  signal: AbortSignal;
}

/** Archives of jobs where a provider fetches them: one object for each job, gone when the job is over. */
export function archiveStaging(options: ArchiveStagingOptions) {
  const { storage } = options;
  return {
    place: options.place,
    /**
     * Uploads the archive part by part, going on where an earlier attempt was cut off, and answers an address that gives
     * it to whoever has it, for a week. Throws the storage's failures and the signal's reason.
     */
    async put(archive: StagedArchive): Promise<string> {
      const key = keyOf(archive.jobId);
      await storage.createBucket(stagingBucket);
      await unlessAborted(upload(storage, key, archive), archive.signal);
      if ((await options.place()) === "bucket" && storage.shareUrl)
        return storage.shareUrl(stagingBucket, key, addressSeconds);
      return options.presign(await options.share(archive.jobId), stagingBucket, key, addressSeconds);
    },
    async remove(jobId: string): Promise<void> {
      await storage.deletePrefix(stagingBucket, `${jobId}/`).catch((error: unknown) => {
        if (!(error instanceof Failure) || error.code !== "bucket_not_found") throw error;
      });
    },
  };
}

/** See {@link archiveStaging}. */
export type ArchiveStaging = ReturnType<typeof archiveStaging>;

/** Gives up waiting when the signal says so: a part that is under way comes to nothing once its upload is aborted. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

function keyOf(jobId: string): string {
  return `${jobId}/datasets.zip`;
}

async function upload(
  storage: ObjectStorage,
  key: string,
  { jobId, archivePath, onProgress, signal }: StagedArchive,
): Promise<void> {
  const { size, mtimeMs } = await stat(archivePath);
  // Parts of another archive must not end up in this one.
  const identity = { archive: `${size}-${mtimeMs}` };
  const there = await storage.headObject(stagingBucket, key);
  if (there?.userMetadata["archive"] === identity.archive) return onProgress(size, size);
  await storage.checkSpace(size, { bucket: stagingBucket, key });
  const begun = await storage.listUploads(stagingBucket, `${jobId}/`);
  const { uploadId } =
    begun.find(({ userMetadata }) => userMetadata["archive"] === identity.archive) ??
    (await begin(storage, key, begun, identity));
  const ref = { bucket: stagingBucket, key, uploadId };
  const stored = new Map((await storage.listParts(ref)).map((part) => [part.partNumber, part]));
  const partBytes = Math.max(smallestPartBytes, Math.ceil(size / mostParts));
  const parts: { partNumber: number; etag: string }[] = [];
  for (let start = 0; start < size; start += partBytes) {
    signal.throwIfAborted();
    const partNumber = parts.length + 1;
    const end = Math.min(size, start + partBytes);
    const known = stored.get(partNumber);
    const { etag } =
      known?.sizeBytes === end - start
        ? known
        : await storage.putPart({
            ...ref,
            partNumber,
            declaredBytes: end - start,
            body: slice(archivePath, start, end, signal, (sent) => onProgress(start + sent, size)),
          });
    onProgress(end, size);
    parts.push({ partNumber, etag });
  }
  await storage.completeUpload({ ...ref, parts, checksums: {}, checksumType: "COMPOSITE" });
}

/** A new upload; what was begun for another archive of the job is given up. */
async function begin(
  storage: ObjectStorage,
  key: string,
  begun: readonly UploadInfo[],
  userMetadata: Record<string, string>,
): Promise<UploadInfo> {
  for (const { uploadId } of begun) await storage.abortUpload({ bucket: stagingBucket, key, uploadId });
  return storage.createUpload({
    bucket: stagingBucket,
    key,
    headers: { contentType: "application/zip" },
    userMetadata,
    checksumAlgorithm: null,
    checksumType: "COMPOSITE",
  });
}

/** Bytes [start, end) of a file as they are read; throws the signal's reason in between. */
function slice(
  path: string,
  start: number,
  end: number,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Body {
  return {
    async *[Symbol.asyncIterator]() {
      let sent = 0;
      const pieces: AsyncIterable<Buffer> = createReadStream(path, {
        start,
        end: end - 1,
        highWaterMark: 256 << 10,
      });
      for await (const piece of pieces) {
        signal.throwIfAborted();
        yield piece;
        sent += piece.length;
        onSent(sent);
      }
    },
  };
}
