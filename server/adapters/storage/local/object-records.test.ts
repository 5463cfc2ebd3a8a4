import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { put } from "../conformance-kit.ts";
import { type Disk, openDiskForReading } from "./disk.ts";
import { type LocalStorage, openLocalStorage } from "./local-storage.ts";
import { objectRecords } from "./object-records.ts";

describe("remembered records", () => {
  let root: string;
  let storage: LocalStorage;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "object-records-"));
    storage = await openLocalStorage({ root, durability: "fast", keepFreeBytes: 0 });
    await storage.createBucket("outputs");
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("are never older than the last change, at whatever moment of reading it comes", async () => {
    await put(storage, "k", "one");
    const replaceFile: Disk["replaceFile"] = async (path, content) => {
      writeFileSync(`${path}.new`, content);
      renameSync(`${path}.new`, path);
    };
    const disk: Disk = { ...(await openDiskForReading(root)), replaceFile, createFile: replaceFile };
    for (let turns = 0; turns < 40; turns++) {
      const records = objectRecords(disk);
      const [record] = await records.readStored("outputs", "k");
      assert.ok(record);
      const reading = records.readStored("outputs", "k");
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await records.write("outputs", "k", [{ ...record, etag: `turn ${turns}` }]);
      await reading;
      assert.equal((await records.read("outputs", "k"))[0]?.etag, `turn ${turns}`);
    }
  });

  it("go with their object", async () => {
    await put(storage, "k", "one");
    await storage.changeObject("outputs", "k", { tags: [["a", "b"]] });
    await storage.deleteObject("outputs", "k");
    assert.equal(await storage.headObject("outputs", "k"), null);
    await put(storage, "k", "one");
    assert.equal((await storage.headObject("outputs", "k"))?.tags, undefined);
  });
});
