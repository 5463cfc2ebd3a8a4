import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileSink } from "../packaging/archive-sinks.ts";
import { type ArchiveEntry, bytesEntry } from "../packaging/entry-source.ts";
import { closeFile, openFile } from "../packaging/file-calls.ts";
import { compareUtf8 } from "../packaging/sorted-names.ts";
import { writeZip } from "../packaging/zip-writer.ts";

/** The folder of the server's own files among the configurations; only the dataset lists in it are the user's. */
const ownFolder = "cloud";
const keptOfOwn = "dataloaders";

/**
 * Archives the folder of configurations with their versions, without the server's own files. A file that changes or goes
 * while it is read is taken as it is then; links are left out. Answers the number of files.
 */
export async function archiveConfigs(folder: string, target: string): Promise<number> {
  const fd = await openFile(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  try {
    const { files } = await writeZip(entriesOf(folder), fileSink(fd));
    return files;
  } finally {
    await closeFile(fd);
  }
}

async function* entriesOf(folder: string): AsyncGenerator<ArchiveEntry> {
  const names: string[] = [];
  for (const name of await namesIn(folder)) {
    if (name !== ownFolder) names.push(name);
    else if ((await namesIn(join(folder, name))).includes(keptOfOwn)) names.push(`${ownFolder}/${keptOfOwn}`);
  }
  for await (const path of filesBelow(folder, names.sort(compareUtf8))) {
    const bytes = await contentOf(join(folder, path));
    if (bytes !== null) yield bytesEntry(path, bytes);
  }
}

/** Relative paths of all files, in the byte order that an archive wants: `a/b` after `a.x`, before `a0`. */
async function* filesBelow(folder: string, names: readonly string[]): AsyncGenerator<string> {
  const keyed: { path: string; key: string; isFolder: boolean }[] = [];
  for (const path of names) {
    const found = await lstat(join(folder, path)).catch(() => null);
    if (found?.isDirectory()) keyed.push({ path, key: `${path}/`, isFolder: true });
    else if (found?.isFile()) keyed.push({ path, key: path, isFolder: false });
  }
  keyed.sort((a, b) => compareUtf8(a.key, b.key));
  for (const { path, isFolder } of keyed) {
    if (!isFolder) yield path;
    else
      yield* filesBelow(
        folder,
        (await namesIn(join(folder, path))).map((name) => `${path}/${name}`),
      );
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

/** Null when it is gone meanwhile or no plain file any more. */
async function contentOf(path: string): Promise<Buffer | null> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ELOOP") return null;
      throw error;
    },
  );
  try {
    return file === null ? null : await file.readFile();
  } finally {
    await file?.close();
  }
}
