import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Directories, recentDirectories } from "./recent-directories.ts";

let root: string;
let directories: Directories;

// Hooks outside of a suite would run around the tests of every file.
describe("recent directories", () => {
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "directories-"));
    directories = recentDirectories(root);
    await mkdir(join(root, "a"));
    await writeFile(join(root, "a", "first"), "");
  });
  afterEach(async () => {
    directories.closeAll();
    await rm(root, { recursive: true });
  });

  /** The names in `a`, as through the directory that is found there; null when there is none. */
  async function namesInA(): Promise<string[] | null> {
    const directory = await directories.find(["a"]);
    const names = directory && (await readdir(directory.path));
    await directory?.close();
    return names;
  }

  it("finds the directory that is at the path now", async () => {
    assert.deepEqual(await namesInA(), ["first"]);
    await rename(join(root, "a"), join(root, "b"));
    assert.equal(await namesInA(), null);
    await mkdir(join(root, "a"));
    await writeFile(join(root, "a", "second"), "");
    assert.deepEqual(await namesInA(), ["second"]);
    await rm(join(root, "a"), { recursive: true });
    await symlink(join(root, "b"), join(root, "a"));
    assert.equal(await namesInA(), null);
  });

  const isLinux = process.platform === "linux";

  it(
    "keeps a bounded number open, and those that are in use",
    { skip: !isLinux && "Linux only" },
    async () => {
      const isOpen = async (path: string): Promise<boolean> => {
        const numbers = await readdir("/proc/self/fd");
        const targets = await Promise.all(numbers.map((n) => readlink(`/proc/self/fd/${n}`).catch(() => "")));
        return targets.includes(path);
      };
      const used = await directories.find(["a"]);
      for (let index = 0; index < 70; index++) await (await directories.make([`d${index}`], false))?.close();
      assert.deepEqual(await readdir(used?.path ?? ""), ["first"]);
      assert.ok(await isOpen(join(root, "a")));
      assert.ok(!(await isOpen(join(root, "d0"))));
      assert.ok(await isOpen(join(root, "d69")));
      await used?.close();
      await used?.close();
      assert.ok(!(await isOpen(join(root, "a"))));
      directories.closeAll();
      assert.ok(!(await isOpen(join(root, "d69"))));
    },
  );

  it("flushes at once for all who come while a flush runs", async () => {
    const directory = await directories.find(["a"]);
    assert.ok(directory);
    const [first, second, third] = [directory.sync(), directory.sync(), directory.sync()];
    assert.notEqual(first, second);
    assert.equal(second, third);
    await Promise.all([first, second, third]);
    const later = directory.sync();
    assert.notEqual(later, third);
    await later;
    await directory.close();
  });
});
