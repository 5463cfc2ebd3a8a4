import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { folderTrouble } from "./folder-trouble.ts";

/** Where archives are is where the state is. */
const setting = "SIMPLETUNER_STATE_DIR";

/**
 * Writes a file of JSON lines, compressed; it is on the disk and whole before anybody sees its name, or not there. Throws
 * `folder_unusable` and `disk_full`, and what the records throw.
 */
export async function writeArchive(
  folder: string,
  name: string,
  records: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<void> {
  await write(folder, name, records).catch((error: unknown) => {
    throw folderTrouble(error, { path: folder, setting });
  });
}

async function write(
  folder: string,
  name: string,
  records: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `${name}.${process.pid}.new`);
  async function* lines(): AsyncGenerator<string> {
    for await (const record of records) yield `${JSON.stringify(record)}\n`;
  }
  try {
    const file = createWriteStream(temporary, { mode: 0o600, flush: true });
    await pipeline(Readable.from(lines()), createGzip(), file);
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(folder, "r");
  await directory.sync().finally(() => directory.close());
}

/**
 * How many archives of a kind there are, by the beginning of their names, and what they take. Throws `folder_unusable` when
 * that cannot be seen.
 */
export async function archivesIn(folder: string, prefix: string): Promise<{ files: number; bytes: number }> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw folderTrouble(error, { path: folder, setting });
  });
  const archives = names.filter((name) => name.startsWith(prefix) && name.endsWith(".jsonl.gz"));
  const sizes = await Promise.all(
    // One may be taken away at this moment.
    archives.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { files: archives.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
