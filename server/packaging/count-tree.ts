import { opendir } from "node:fs/promises";
import { pathStats } from "./file-calls.ts";

/** How many files a folder holds at any depth and their size. */
export interface TreeCount {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Counts what lies below `folder` without following links. It serves to tell a person how much is left out, so what
 * cannot be read counts nothing rather than failing the scan.
 */
export async function countTree(folder: string, signal?: AbortSignal): Promise<TreeCount> {
  const waiting = [folder];
  let files = 0;
  let bytes = 0;
  const addSizes = async (paths: readonly string[]): Promise<void> => {
    const sizes = await Promise.all(
      paths.map((path) =>
        pathStats(path).then(
          (stats) => (stats.isFile() ? stats.size : 0),
          () => 0,
        ),
      ),
    );
    files += sizes.length;
    bytes += sizes.reduce((sum, size) => sum + size, 0);
  };
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    let batch: string[] = [];
    try {
      for await (const entry of await opendir(next, { bufferSize: 512 })) {
        signal?.throwIfAborted();
        const path = `${next}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(path);
        else if (batch.push(path) === 128) {
          await addSizes(batch);
          batch = [];
        }
      }
    } catch (error) {
      if (signal?.aborted === true) throw error;
    }
    await addSizes(batch);
  }
  return { files, bytes };
}
