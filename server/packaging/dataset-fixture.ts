import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { ArchiveEntry } from "./entry-source.ts";
import { fileEntry } from "./entry-source.ts";
import { scanDataset } from "./scan-datasets.ts";

/** Modification time of every file that {@link writeFiles} makes, in seconds. */
export const fixtureTime = 1_700_000_000;

/** A folder that is removed when the test ends. */
export async function testFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "packaging-test-"));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files given as relative path → content, all with the same modification time, and gives the folder. */
export async function writeFiles(folder: string, files: Record<string, string | Buffer>): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await utimes(file, fixtureTime, fixtureTime);
  }
  return folder;
}

/** The files of a folder as archive entries, named by their path in it; the dataset is called "cats". */
export async function* folderEntries(root: string): AsyncGenerator<ArchiveEntry> {
  for await (const { files } of scanDataset({ datasetId: "cats", root })) {
    for (const file of files) yield fileEntry(file.path, { ...file, datasetId: "cats", root });
  }
}
