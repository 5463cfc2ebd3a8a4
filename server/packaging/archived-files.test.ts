import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { datasetPackaging } from "../services/dataset-packaging.ts";
import { makeDataset } from "../testing/test-server.ts";
import { archivedFiles } from "./archived-files.ts";

test("the files of an archive with their bytes, stored and deflated; a damaged archive is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "archived files "));
  try {
    const files = { "a.png": "picture", "deep/b.txt": "words ".repeat(500), "empty.txt": "" };
    const { dataloader } = await makeDataset(folder, files);
    const targetPath = join(folder, "data.zip");
    await datasetPackaging([]).pack({
      dataloader,
      fingerprint: null,
      targetPath,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const found: Record<string, string> = {};
    for await (const file of archivedFiles(targetPath)) {
      const blob = await file.content();
      assert.equal(blob.size, file.sizeBytes);
      found[file.path] = await blob.text();
    }
    const { "dataloader.json": list, ...others } = found;
    assert.match(list ?? "", /datasets\/pictures\//);
    const expected = Object.entries(files).map(([name, text]) => [`datasets/pictures/${name}`, text]);
    assert.deepEqual(others, Object.fromEntries(expected));
    await writeFile(targetPath, "no archive");
    await assert.rejects(archivedFiles(targetPath).next(), /data\.zip/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
