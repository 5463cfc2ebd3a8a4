import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Prefix of files and folders that are still being written; whoever lists the output passes them over. */
export const unfinishedPrefix = ".tmp-";

/** Writes a file that is either absent or complete: to a neighbour first, then renamed. Makes its folder. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = join(dirname(path), `${unfinishedPrefix}${basename(path)}`);
  await writeSynced(unfinished, content);
  await rename(unfinished, path);
}

/** Writes a folder that is either absent or complete. An older folder of that name is replaced. */
export async function writeWholeFolder(
  path: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<void> {
  const unfinished = join(dirname(path), `${unfinishedPrefix}${basename(path)}`);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    for (const [name, content] of files) await writeSynced(join(unfinished, name), content);
  } catch (error) {
    // On a full disk the half-written folder would take the space that is missing.
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  await rm(path, { recursive: true, force: true });
  await rename(unfinished, path);
}

/** Removes what an earlier run left half written anywhere below `folder`. */
export async function removeUnfinished(folder: string): Promise<void> {
  const items = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const item of items) {
    if (item.name.startsWith(unfinishedPrefix)) {
      await rm(join(item.parentPath, item.name), { recursive: true, force: true });
    }
  }
}

async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(content);
    // A rename that survives a power failure without its content would pass for a complete file.
    await file.sync();
  } finally {
    await file.close();
  }
}
