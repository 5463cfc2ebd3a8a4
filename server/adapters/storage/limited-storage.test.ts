import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { bodyOf, createUpload, failsWith, get, plain } from "./conformance-kit.ts";
import { limitedStorage, type Quota, type QuotaAccounts } from "./limited-storage.ts";
import { openLocalStorage } from "./local/local-storage.ts";
import type { Body, ObjectStorage } from "./storage.ts";

describe("limited storage", () => {
  let root: string;
  let inner: ObjectStorage;
  let freeBytes: number;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "limited-storage-"));
    freeBytes = Number.POSITIVE_INFINITY;
    const local = await openLocalStorage({ root, durability: "fast", keepFreeBytes: 0 });
    inner = {
      ...local,
      async checkSpace(bytes) {
        if (bytes > freeBytes) throw fail("disk_full", { path: root, free: `${freeBytes} bytes` });
      },
    };
    await inner.createBucket("outputs");
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  /** One account for everything; what is used counts as measured when it must be exact. */
  function oneAccount(limitBytes: number): QuotaAccounts {
    let usedBytes = 0;
    return {
      async quotasOf(_bucket, _key, mustBeExact): Promise<Quota[]> {
        if (mustBeExact) usedBytes = (await inner.usage("outputs", "")).sizeBytes;
        return [{ account: "all", limitBytes, usedBytes }];
      },
      onStored: (_bucket, _key, sizeBytes) => void (usedBytes += sizeBytes),
      onRemoved() {},
    };
  }

  async function put(
    storage: ObjectStorage,
    key: string,
    body: Body,
    declaredBytes: number | null = null,
  ): Promise<void> {
    await storage.putObject({ bucket: "outputs", key, ...plain, body, declaredBytes });
  }

  /** A body that waits before its last byte until it is told to go on. */
  function heldBody(bytes: number): { body: Body; begun: Promise<void>; release: () => void } {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const body = async function* (): AsyncGenerator<Uint8Array> {
      begin();
      await held;
      yield Buffer.alloc(bytes, 1);
    };
    return { body: body(), begun, release };
  }

  it("reserves the disk for uploads that run at the same time, and gives it back", async () => {
    const storage = limitedStorage(inner, null);
    freeBytes = 100;
    const first = heldBody(60);
    const running = put(storage, "a", first.body, 60);
    await first.begun;
    await assert.rejects(put(storage, "b", bodyOf("x".repeat(60)), 60), failsWith("disk_full"));
    await assert.rejects(storage.checkSpace(60, { bucket: "outputs", key: "b" }), failsWith("disk_full"));
    first.release();
    await running;
    await put(storage, "b", bodyOf("x".repeat(60)), 60);
  });

  it("refuses what is over a quota before a byte is read, also while others are still coming", async () => {
    const storage = limitedStorage(inner, oneAccount(100));
    let isRead = false;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      isRead = true;
      yield Buffer.alloc(101);
    };
    await assert.rejects(put(storage, "a", body(), 101), failsWith("quota_exceeded"));
    assert.equal(isRead, false);
    const first = heldBody(60);
    const running = put(storage, "a", first.body, 60);
    await first.begun;
    await assert.rejects(put(storage, "b", bodyOf("x".repeat(41)), 41), failsWith("quota_exceeded"));
    first.release();
    await running;
    await put(storage, "b", bodyOf("x".repeat(40)), 40);
    await assert.rejects(put(storage, "c", bodyOf("x"), 1), failsWith("quota_exceeded"));
  });

  it("stops a body of unknown length where the quota ends, and keeps nothing of it", async () => {
    const storage = limitedStorage(inner, oneAccount(100));
    await put(storage, "a", bodyOf("old"));
    const pieces = Array.from({ length: 11 }, () => Buffer.alloc(10, 1));
    await assert.rejects(put(storage, "a", bodyOf(...pieces)), failsWith("quota_exceeded"));
    assert.equal(String(await get(storage, "a")), "old");
    assert.deepEqual(await readdir(join(root, ".s3/tmp")), []);
  });

  it("does not count what an upload replaces or what was deleted", async () => {
    const storage = limitedStorage(inner, oneAccount(100));
    for (let round = 0; round < 3; round++) await put(storage, "a", bodyOf("x".repeat(80)), 80);
    await assert.rejects(put(storage, "b", bodyOf("x".repeat(80)), 80), failsWith("quota_exceeded"));
    await storage.deleteObject("outputs", "a");
    await put(storage, "b", bodyOf("x".repeat(80)), 80);
  });

  it("counts parts, and passes on what vouches for a body", async () => {
    const storage = limitedStorage(inner, oneAccount(100));
    const ref = await createUpload(storage, "m");
    const part = { ...ref, partNumber: 1, declaredBytes: 101, body: bodyOf("x".repeat(101)) };
    await assert.rejects(storage.putPart(part), failsWith("quota_exceeded"));
    let released = 0;
    const body: Body = {
      isVouchedFor: true,
      release: () => void released++,
      [Symbol.asyncIterator]: () => bodyOf("one", "two")[Symbol.asyncIterator](),
    };
    const stored = await storage.putObject({
      bucket: "outputs",
      key: "v",
      ...plain,
      body,
      checksums: () => ({ CRC32: "AAAAAA==" }),
    });
    assert.match(stored.etag, /^[0-9a-f]{32}-1$/);
    assert.equal(released, 2);
  });
});
