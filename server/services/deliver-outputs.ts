import { createReadStream } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { artifactKind, outputsBucket } from "../domain/run-files.ts";
import { storagePath } from "./results.ts";

/** What a delivery found and where the model lies. */
export interface Delivery {
  copiedFiles: number;
  /** Path on this server that downloads the finished model, or null when the run made none. */
  modelUrl: string | null;
}

/** Brings the files of a finished run home. */
export type DeliverOutputs = (jobId: string, outputFolder: string) => Promise<Delivery>;

/**
 * Copies every output file into the job's area of the storage that the trainer has not uploaded itself (same size
 * already there, and not older), so that a trainer which knows nothing of S3 delivers, too. Safe to repeat.
 */
export function outputDeliverer(storage: ObjectStorage): DeliverOutputs {
  return async (jobId, outputFolder) => {
    let copiedFiles = 0;
    for await (const path of filesOf(outputFolder)) {
      const key = `${jobId}/${relative(outputFolder, path).split(sep).join("/")}`;
      const { size, mtimeMs } = await stat(path);
      const there = await storage.headObject(outputsBucket, key);
      if (there?.sizeBytes === size && there.lastModifiedMs >= Math.floor(mtimeMs)) continue;
      await storage.createBucket(outputsBucket);
      await storage.putObject({
        bucket: outputsBucket,
        key,
        body: createReadStream(path),
        headers: {},
        userMetadata: {},
      });
      copiedFiles++;
    }
    return { copiedFiles, modelUrl: await modelUrl(storage, jobId) };
  };
}

async function modelUrl(storage: ObjectStorage, jobId: string): Promise<string | null> {
  if (!(await storage.findBucket(outputsBucket))) return null;
  const page = await storage.listObjects({ bucket: outputsBucket, prefix: `${jobId}/`, maxKeys: 1_000 });
  const model = page.objects.find((object) => artifactKind(object.key.slice(jobId.length + 1)) === "model");
  return model
    ? `${storagePath}/${outputsBucket}/${model.key.split("/").map(encodeURIComponent).join("/")}`
    : null;
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
