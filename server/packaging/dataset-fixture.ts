import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

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
