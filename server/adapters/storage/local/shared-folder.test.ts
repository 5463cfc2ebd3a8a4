import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { bodyOf, createUpload, failsWith, get, plain, put } from "../conformance-kit.ts";
import { testStoragePort } from "../conformance.ts";
import { keyLock } from "./key-lock.ts";
import { type LocalStorage, openLocalStorage } from "./local-storage.ts";

describe("storage in a folder that several servers share keeps the promises of the port", () => {
  let root: string;
  let storage: LocalStorage;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "shared folder "));
    storage = await openLocalStorage({ root, durability: "fast", keepFreeBytes: 0, turns: keyLock() });
    await storage.createBucket("outputs");
  });
  afterEach(async () => {
    storage.close();
    await rm(root, { recursive: true, force: true });
  });
  testStoragePort(() => storage);
});

describe("two servers on one folder", () => {
  let root: string;
  let one: LocalStorage;
  let other: LocalStorage;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "shared folder "));
    const turns = keyLock();
    const open = () => openLocalStorage({ root, durability: "fast", keepFreeBytes: 0, turns });
    [one, other] = [await open(), await open()];
    await one.createBucket("outputs");
  });
  after(async () => {
    one.close();
    other.close();
    await rm(root, { recursive: true, force: true });
  });

  const putPart = (
    storage: LocalStorage,
    ref: Awaited<ReturnType<typeof createUpload>>,
    partNumber: number,
    content: Buffer,
  ) => storage.putPart({ ...ref, partNumber, declaredBytes: content.length, body: bodyOf(content) });

  it("share an upload: begun on one, parts on both at once, completed on the other", async () => {
    const ref = await createUpload(one, "checkpoint-10/model.safetensors");
    const contents = [5 << 20, 5 << 20, 300_000].map((size) => randomBytes(size));
    const parts = await Promise.all(
      contents.map((content, index) => putPart(index % 2 === 0 ? one : other, ref, index + 1, content)),
    );
    assert.deepEqual(await one.listParts(ref), await other.listParts(ref));
    const chosen = parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
    await other.completeUpload({ ...ref, parts: chosen, checksums: {}, checksumType: "COMPOSITE" });
    for (const storage of [one, other])
      assert.ok((await get(storage, ref.key))?.equals(Buffer.concat(contents)));
    await assert.rejects(putPart(one, ref, 1, randomBytes(10)), failsWith("upload_not_found"));
  });

  it("see what the other replaced, described and deleted", async () => {
    await put(one, "a", "first");
    assert.equal((await get(other, "a"))?.toString(), "first");
    await other.putObject({
      bucket: "outputs",
      key: "a",
      ...plain,
      userMetadata: { step: "2" },
      body: bodyOf("second"),
    });
    assert.deepEqual((await one.headObject("outputs", "a"))?.userMetadata, { step: "2" });
    // A key that has no path of its own.
    await put(one, "a/b", "below");
    assert.equal((await get(other, "a/b"))?.toString(), "below");
    assert.ok((await other.listObjects({ bucket: "outputs", maxKeys: 10 })).objects.length >= 2);
    await other.deleteObject("outputs", "a/b");
    assert.equal(await get(one, "a/b"), null);
  });

  it("let one of two that create the same key at once win", async () => {
    const write = (storage: LocalStorage, text: string) =>
      storage.putObject({
        bucket: "outputs",
        key: "once",
        ...plain,
        body: bodyOf(text),
        conditions: { ifNoneMatch: ["*"] },
      });
    const outcomes = await Promise.allSettled([write(one, "one"), write(other, "other")]);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  });
});
