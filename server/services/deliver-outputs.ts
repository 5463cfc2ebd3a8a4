import { createReadStream } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { artifactKind, outputsBucket } from "../domain/run-files.ts";
import { storagePath } from "./results.ts";

/** What a delivery found and where the model lies. */
export interface Delivery {
  copiedFiles: number;
  /** Files whose names are too long for a key; they were left out. */
  unnameable: readonly string[];
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
    const unnameable: string[] = [];
    for await (const path of filesOf(outputFolder)) {
      const key = `${jobId}/${relative(outputFolder, path).split(sep).join("/")}`;
      try {
        if (await copyIfNew(storage, path, key)) copiedFiles++;
      } catch (error) {
        // A name that no object can have must not keep the rest from home.
        if (!(error instanceof Failure) || !error.code.startsWith("object_key_")) throw error;
        unnameable.push(path);
      }
    }
    return { copiedFiles, unnameable, modelUrl: await modelUrl(storage, jobId) };
  };
}

async function copyIfNew(storage: ObjectStorage, path: string, key: string): Promise<boolean> {
  const { size, mtimeMs } = await stat(path);
  const there = await storage.headObject(outputsBucket, key);
  if (there?.sizeBytes === size && there.lastModifiedMs >= Math.floor(mtimeMs)) return false;
  await storage.createBucket(outputsBucket);
  await storage.putObject({
    bucket: outputsBucket,
    key,
    body: createReadStream(path),
    headers: {},
    userMetadata: {},
  });
  return true;
}

async function modelUrl(storage: ObjectStorage, jobId: string): Promise<string | null> {
  if (!(await storage.findBucket(outputsBucket))) return null;
  const prefix = `${jobId}/`;
  for (let after: string | undefined; ;) {
    const page = await storage.listObjects({
      bucket: outputsBucket,
      prefix,
      maxKeys: 1_000,
      ...(after === undefined ? {} : { after }),
    });
    const model = page.objects.find((object) => artifactKind(object.key.slice(prefix.length)) === "model");
    if (model)
      return `${storagePath}/${outputsBucket}/${model.key.split("/").map(encodeURIComponent).join("/")}`;
    if (page.next === null) return null;
    after = page.next;
  }
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
