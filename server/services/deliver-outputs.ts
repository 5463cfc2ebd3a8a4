import { createReadStream } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { crc32 } from "node:zlib";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectStorage, PutObject } from "../adapters/storage/storage.ts";
import type { RetainedArtifact } from "../domain/checkpoint-retention.ts";
import { artifactKind, modelRank, outputsBucket } from "../domain/run-files.ts";
import type { CheckpointRetention } from "./checkpoint-retention.ts";
import { storagePath } from "./results.ts";

/** So much of a file is read at a time. */
const readBytes = 256 * 1024;

/** Up to this length an ETag is an MD5. */
const largestMd5Bytes = 64 * 1024 * 1024;

/** What a delivery found and where the model lies. */
export interface Delivery {
  copiedFiles: number;
  /** Files whose names are too long for a key; they were left out. */
  unnameable: readonly string[];
  /** Path on this server that downloads the finished model, or null when the run made none. */
  modelUrl: string | null;
}

/** What delivery needs. */
export interface DeliveryOptions {
  storage: ObjectStorage;
  retention: CheckpointRetention;
  /** Told of each file that was copied; `key` is below the job's area. */
  onStored: (file: { jobId: string; key: string; sizeBytes: number }) => Promise<void>;
}

/** Brings the files of a finished run home. */
export type DeliverOutputs = (jobId: string, outputFolder: string) => Promise<Delivery>;

/**
 * Copies every output file into the job's area of the storage that the trainer has not uploaded itself (same size
 * already there, and not older), so that a trainer which knows nothing of S3 delivers, too; then only the checkpoints
 * to keep stay. Safe to repeat.
 */
export function outputDeliverer({ storage, retention, onStored }: DeliveryOptions): DeliverOutputs {
  return async (jobId, outputFolder) => {
    let copiedFiles = 0;
    const unnameable: string[] = [];
    const unwanted = await retention.unwanted(jobId, await checkpointFiles(outputFolder));
    for await (const path of filesOf(outputFolder)) {
      const key = keyOf(outputFolder, path);
      if (unwanted.has(key)) continue;
      try {
        const sizeBytes = await copyIfNew(storage, path, `${jobId}/${key}`);
        if (sizeBytes === null) continue;
        copiedFiles++;
        await onStored({ jobId, key, sizeBytes });
      } catch (error) {
        // A name that no object can have must not keep the rest from home.
        if (!(error instanceof Failure) || !error.code.startsWith("object_key_")) throw error;
        unnameable.push(path);
      }
    }
    await retention.prune(jobId);
    return { copiedFiles, unnameable, modelUrl: await modelUrl(storage, jobId) };
  };
}

function keyOf(outputFolder: string, path: string): string {
  return relative(outputFolder, path).split(sep).join("/");
}

async function checkpointFiles(outputFolder: string): Promise<RetainedArtifact[]> {
  const found: RetainedArtifact[] = [];
  for await (const path of filesOf(outputFolder)) {
    const key = keyOf(outputFolder, path);
    if (artifactKind(key) === "checkpoint") found.push({ key, lastModifiedMs: (await stat(path)).mtimeMs });
  }
  return found;
}

/** Bytes that were copied; null when the object is there already. */
async function copyIfNew(storage: ObjectStorage, path: string, key: string): Promise<number | null> {
  const { size, mtimeMs } = await stat(path);
  const there = await storage.headObject(outputsBucket, key);
  if (there?.sizeBytes === size && there.lastModifiedMs >= Math.floor(mtimeMs)) return null;
  await storage.createBucket(outputsBucket);
  await storage.putObject({
    bucket: outputsBucket,
    key,
    ...checkedBody(createReadStream(path, { highWaterMark: readBytes }), size),
    declaredBytes: size,
    headers: {},
    userMetadata: {},
  });
  return size;
}

/**
 * A body with its CRC-32, so that an archive of it need not read it for that. It stands for the MD5 where that
 * would take longest; smaller objects keep an ETag that S3 clients can compare.
 */
function checkedBody(
  stream: AsyncIterable<Buffer>,
  sizeBytes: number,
): Pick<PutObject, "body" | "checksums"> {
  let crc = 0;
  return {
    body: {
      isVouchedFor: sizeBytes > largestMd5Bytes,
      async *[Symbol.asyncIterator]() {
        for await (const chunk of stream) {
          crc = crc32(chunk, crc);
          yield chunk;
        }
      },
    },
    checksums() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(crc);
      return { CRC32: digest.toString("base64") };
    },
  };
}

/** The finished model: of several the one that lies highest, and of those the one with a name that trainers give it. */
async function modelUrl(storage: ObjectStorage, jobId: string): Promise<string | null> {
  if (!(await storage.findBucket(outputsBucket))) return null;
  const prefix = `${jobId}/`;
  let best: { key: string; rank: number } | null = null;
  for (let after: string | undefined; ;) {
    const page = await storage.listObjects({
      bucket: outputsBucket,
      prefix,
      maxKeys: 1_000,
      ...(after === undefined ? {} : { after }),
    });
    for (const { key } of page.objects) {
      const rank = modelRank(key.slice(prefix.length));
      if (rank !== null && (best === null || rank < best.rank)) best = { key, rank };
    }
    if (page.next === null) break;
    after = page.next;
  }
  return best && `${storagePath}/${outputsBucket}/${best.key.split("/").map(encodeURIComponent).join("/")}`;
}

/** Regular files below a folder; hidden ones and links are the trainer's own business. */
async function* filesOf(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!entries) return;
  for await (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else if (entry.isFile()) yield path;
  }
}
