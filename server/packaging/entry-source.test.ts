import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { appendFile, mkdir, rm, symlink, truncate, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { fileSink } from "./archive-sinks.ts";
import { folderEntries, testFolder, writeFiles } from "./dataset-fixture.ts";
import type { ArchiveEntry } from "./entry-source.ts";
import { closeFile, openFile } from "./file-calls.ts";
import type { ZipOptions } from "./zip-writer.ts";
import { writeZip } from "./zip-writer.ts";

async function zipTo(
  path: string,
  entries: Iterable<ArchiveEntry> | AsyncIterable<ArchiveEntry>,
  options?: ZipOptions,
) {
  const fd = await openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
  return writeZip(entries, fileSink(fd), options).finally(() => closeFile(fd));
}

const changes: [string, RegExp, (path: string) => Promise<unknown>][] = [
  ["vanishes", /was deleted/, (path) => unlink(path)],
  ["grows", /grew from \d+ to \d+ bytes/, (path) => appendFile(path, "more")],
  ["shrinks", /shrank from \d+ to 3 bytes/, (path) => truncate(path, 3)],
  ["is modified", /was modified/, (path) => utimes(path, 1, 1)],
  [
    "becomes a folder",
    /became a folder|no longer a file|was modified|shrank|grew/,
    (path) => rm(path).then(() => mkdir(path)),
  ],
  ["becomes a link", /became a link/, (path) => rm(path).then(() => symlink("a.jpg", path))],
  [
    "becomes a pipe",
    /no longer a file/,
    (path) => rm(path).then(() => assert.equal(spawnSync("mkfifo", [path]).status, 0)),
  ],
];

for (const size of [1000, 3_000_000]) {
  for (const extension of ["jpg", "txt"]) {
    for (const [what, message, change] of changes) {
      test(`a ${extension} file of ${size} bytes that ${what} is reported`, async (t) => {
        const folder = await testFolder(t);
        const source = await writeFiles(join(folder, "source"), {
          "a.jpg": "a",
          [`b.${extension}`]: randomBytes(size),
        });
        const found: ArchiveEntry[] = [];
        for await (const entry of folderEntries(source)) found.push(entry);
        await change(join(source, `b.${extension}`));
        await assert.rejects(
          zipTo(join(folder, "a.zip"), found),
          (error) =>
            error instanceof Failure &&
            error.code === "dataset_changed" &&
            error.details["dataset_id"] === "cats" &&
            message.test(error.message) &&
            error.message.includes(`b.${extension}`),
        );
      });
    }
  }
}

test("a file that grows while it is being read is reported", async (t) => {
  const folder = await testFolder(t);
  const source = await writeFiles(join(folder, "source"), { "a.png": randomBytes(30_000_000) });
  let isGrown = false;
  const onWritten = (): void => {
    if (isGrown) return;
    isGrown = true;
    void appendFile(join(source, "a.png"), "more");
  };
  await assert.rejects(
    zipTo(join(folder, "a.zip"), folderEntries(source), { onWritten }),
    /dataset "cats" changed.*a\.png grew/,
  );
});

test("a link that was turned to lead outside is not followed", async (t) => {
  const folder = await testFolder(t);
  const source = await writeFiles(join(folder, "source"), { "a.jpg": "12345" });
  await writeFiles(folder, { "secret.jpg": "67890" });
  await symlink("a.jpg", join(source, "b.jpg"));
  const found: ArchiveEntry[] = [];
  for await (const entry of folderEntries(source)) found.push(entry);
  await unlink(join(source, "b.jpg"));
  await symlink("../secret.jpg", join(source, "b.jpg"));
  await assert.rejects(zipTo(join(folder, "a.zip"), found), /leads out of the dataset folder/);
});
