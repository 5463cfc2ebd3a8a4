import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { testDescriptions } from "./conformance-descriptions.ts";
import { testUploads } from "./conformance-uploads.ts";
import { bodyOf, brokenBody, createUpload, failsWith, get, md5, plain, put } from "./conformance-kit.ts";
import type { ObjectStorage } from "./storage.ts";

const mebibyte = 1024 * 1024;

/**
 * What every implementation of the storage port must do. `storageOf` answers with a fresh one with bucket `outputs`;
 * `maxKeyBytes` is the longest key that it takes.
 */
export function testStoragePort(storageOf: () => ObjectStorage, maxKeyBytes = 1536): void {
  describe("objects", () => {
    testWriting(storageOf);
    testReading(storageOf);
    testNames(storageOf, maxKeyBytes);
    testPrefixes(storageOf);
    testDescriptions(storageOf);
  });
  describe("lists", () => testLists(storageOf));
  describe("multipart uploads", () => testUploads(storageOf));
}

function testWriting(storageOf: () => ObjectStorage): void {
  it("keeps the old object when a body breaks off or has the wrong MD5", async () => {
    const storage = storageOf();
    await put(storage, "k", "old");
    const broken = { bucket: "outputs", key: "k", ...plain, body: brokenBody("new") };
    await assert.rejects(storage.putObject(broken), /cut/);
    const damaged = { bucket: "outputs", key: "k", ...plain, body: bodyOf("new"), expectedMd5: md5("other") };
    await assert.rejects(storage.putObject(damaged), failsWith("object_digest_mismatch"));
    assert.equal(String(await get(storage, "k")), "old");
  });

  it("checks conditions when the object is put in place", async () => {
    const storage = storageOf();
    const write = (content: string, conditions: object): Promise<unknown> =>
      storage.putObject({ bucket: "outputs", key: "k", ...plain, body: bodyOf(content), conditions });
    await assert.rejects(write("a", { ifMatch: ["x"] }), failsWith("object_not_found"));
    await write("a", { ifNoneMatch: ["*"] });
    await assert.rejects(write("b", { ifNoneMatch: ["*"] }), failsWith("object_precondition_failed"));
    await assert.rejects(write("b", { ifMatch: [md5("other")] }), failsWith("object_precondition_failed"));
    await write("b", { ifMatch: [md5("a")] });
    assert.equal(String(await get(storage, "k")), "b");
    const races = await Promise.allSettled(
      ["1", "2", "3", "4"].map((text) => write(text, { ifMatch: [md5("b")] })),
    );
    assert.equal(races.filter(({ status }) => status === "fulfilled").length, 1);
  });

  it("gives back what was stored with the bytes", async () => {
    const storage = storageOf();
    const headers = { contentType: "image/png", cacheControl: "no-store", expires: "0" };
    const userMetadata = { step: "10", ünï: "ÿ" };
    const checksums = { CRC32: "AAAAAA==" };
    const body = bodyOf("one", "two");
    await storage.putObject({
      bucket: "outputs",
      key: "k",
      headers,
      userMetadata,
      body,
      checksums: () => checksums,
    });
    const info = await storage.headObject("outputs", "k");
    assert.ok(info);
    assert.deepEqual(info.headers, headers);
    assert.deepEqual(info.userMetadata, userMetadata);
    assert.deepEqual(info.checksums, checksums);
    assert.equal(info.sizeBytes, 6);
    assert.equal(info.etag, md5("onetwo"));
    assert.ok(Math.abs(info.lastModifiedMs - Date.now()) < 60_000);
    assert.equal(String(await get(storage, "k", { start: 2, end: 5 })), "etw");
  });
}

function testReading(storageOf: () => ObjectStorage): void {
  it("reads an opened object whole after it was replaced and deleted", async () => {
    const storage = storageOf();
    const old = randomBytes(3 * mebibyte);
    await put(storage, "k", old);
    const object = await storage.getObject("outputs", "k");
    assert.ok(object);
    const chunks: Buffer[] = [];
    await object.read({ start: 0, end: old.length }, async (chunk) => {
      if (chunks.length === 0) await put(storage, "k", "new");
      if (chunks.length === 1) await storage.deleteObject("outputs", "k");
      chunks.push(Buffer.from(chunk));
    });
    await object.close();
    assert.ok(Buffer.concat(chunks).equals(old));
    assert.equal(await get(storage, "k"), null);
  });
}

function testNames(storageOf: () => ObjectStorage, maxKeyBytes: number): void {
  it("knows buckets", async () => {
    const storage = storageOf();
    const nowhere = { bucket: "nowhere", key: "k", ...plain, body: bodyOf("x") };
    await assert.rejects(storage.putObject(nowhere), failsWith("bucket_not_found"));
    await assert.rejects(
      storage.listObjects({ bucket: "nowhere", maxKeys: 1 }),
      failsWith("bucket_not_found"),
    );
    for (const name of ["", "ab", ".s3", "../x", "a/b", "A-b", "x".repeat(64), "1.2.3.4", "a..b"]) {
      await assert.rejects(storage.createBucket(name), failsWith("bucket_name_invalid"), name);
      assert.equal(await storage.findBucket(name), null);
    }
    await storage.createBucket("second");
    await storage.createBucket("second");
    assert.deepEqual(
      (await storage.listBuckets()).map(({ name }) => name),
      ["outputs", "second"],
    );
    await storage.putObject({ bucket: "second", key: "a/b", ...plain, body: bodyOf("x") });
    await assert.rejects(storage.deleteBucket("second"), failsWith("bucket_not_empty"));
    await storage.deleteObject("second", "a/b");
    await storage.deleteBucket("second");
    assert.equal(await storage.findBucket("second"), null);
  });

  it("refuses keys that are empty, too long or no text", async () => {
    const storage = storageOf();
    await assert.rejects(put(storage, "", "x"), failsWith("object_key_invalid"));
    const longest = `${"ä".repeat(Math.floor(maxKeyBytes / 2))}${maxKeyBytes % 2 === 0 ? "" : "a"}`;
    await assert.rejects(put(storage, `${longest}a`, "x"), failsWith("object_key_too_long"));
    await assert.rejects(put(storage, "\ud800", "x"), failsWith("object_key_invalid"));
    await put(storage, longest, "x");
  });
}

function testPrefixes(storageOf: () => ObjectStorage): void {
  it("tells how much lies under a prefix, and deletes it all", async () => {
    const storage = storageOf();
    for (const key of ["job1/a", "job1/b/c", "job1/b//d", "job10/a", "job1"]) await put(storage, key, key);
    const upload = await createUpload(storage, "job1/open");
    assert.deepEqual(await storage.usage("outputs", "job1/"), { objects: 3, sizeBytes: 6 + 8 + 9 });
    assert.deepEqual(await storage.deletePrefix("outputs", "job1/"), { deletedObjects: 3 });
    assert.equal(await storage.findUpload(upload), null);
    const { objects } = await storage.listObjects({ bucket: "outputs", maxKeys: 10 });
    assert.deepEqual(
      objects.map(({ key }) => key),
      ["job1", "job10/a"],
    );
  });
}

/** Short segments from few letters, so that keys share prefixes, lie beside and inside each other. */
const segment = fc.constantFrom(
  "a",
  "b",
  "a-",
  "a.",
  "",
  ".",
  "..",
  "é",
  "\u{1f600}",
  "\uffee",
  "a b",
  "\\",
  "\0",
);
const anyKey = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"))
  .filter((key) => key !== "");

function testLists(storageOf: () => ObjectStorage): void {
  it("lists any keys in byte order, page by page, with and without a delimiter", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyKey, { maxLength: 14 }),
        fc.constantFrom("", "/", "a", "b/"),
        fc.constantFrom("", "a", "a/", "a/b", "é", "/", "..", "a/../"),
        fc.constantFrom("", "a", "a/b", "a/", "b/a", "é/"),
        fc.integer({ min: 1, max: 5 }),
        async (keys, delimiter, prefix, after, maxKeys) => {
          const storage = storageOf();
          await storage.deletePrefix("outputs", "");
          for (const key of keys) await put(storage, key, key);
          for (const key of keys) assert.equal(String(await get(storage, key)), key);
          const found: string[] = [];
          let position: string | null = after;
          while (position !== null) {
            const query = { bucket: "outputs", prefix, delimiter, after: position, maxKeys };
            const page = await storage.listObjects(query);
            const entries = [...page.objects.map(({ key }) => key), ...page.commonPrefixes].sort(byBytes);
            assert.ok(entries.length <= maxKeys);
            found.push(...entries);
            position = page.next;
          }
          assert.deepEqual(found, expectedEntries(keys, prefix, delimiter, after));
        },
      ),
      { numRuns: 60 },
    );
  });
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function expectedEntries(keys: string[], prefix: string, delimiter: string, after: string): string[] {
  const entries = new Set<string>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = at < 0 ? key : key.slice(0, at + delimiter.length);
    if (byBytes(entry, after) > 0) entries.add(entry);
  }
  return [...entries].sort(byBytes);
}
