import assert from "node:assert/strict";
import { it } from "node:test";
import { bodyOf, failsWith, get, plain, put } from "./conformance-kit.ts";
import type { DeleteConditions, ObjectStorage } from "./storage.ts";

/** The part of the port's conformance suite that is about what is kept beside the bytes. */
export function testDescriptions(storageOf: () => ObjectStorage): void {
  testObjects(storageOf);
  testBuckets(storageOf);
  testUpload(storageOf);
}

function testObjects(storageOf: () => ObjectStorage): void {
  it("deletes an object only as long as it is the one that is meant", async () => {
    const storage = storageOf();
    const etag = await put(storage, "k", "four");
    const info = await storage.headObject("outputs", "k");
    assert.ok(info);
    const wrong: DeleteConditions[] = [
      { ifMatch: ["other"] },
      { ifSizeBytes: 5 },
      { ifLastModifiedMs: info.lastModifiedMs - 60_000 },
      { ifMatch: [etag], ifSizeBytes: 5 },
    ];
    for (const conditions of wrong) {
      const refused = storage.deleteObject("outputs", "k", conditions);
      await assert.rejects(refused, failsWith("object_precondition_failed"), JSON.stringify(conditions));
    }
    assert.equal(String(await get(storage, "k")), "four");
    const right = { ifMatch: [etag], ifSizeBytes: 4, ifLastModifiedMs: info.lastModifiedMs };
    assert.equal(await storage.deleteObject("outputs", "k", right), true);
    assert.equal(await storage.deleteObject("outputs", "k", { ifMatch: ["other"] }), false);
    await put(storage, "k", "any");
    assert.equal(await storage.deleteObject("outputs", "k", { ifMatch: ["*"] }), true);
  });

  it("changes tags and access list of an object and leaves the rest as it is", async () => {
    const storage = storageOf();
    await assert.rejects(storage.changeObject("outputs", "k", { tags: [] }), failsWith("object_not_found"));
    const tags = [["a", "1"]] as const;
    const headers = { contentType: "image/png" };
    await storage.putObject({
      bucket: "outputs",
      key: "k",
      headers,
      userMetadata: { b: "2" },
      tags,
      body: bodyOf("x"),
    });
    const stored = await storage.headObject("outputs", "k");
    assert.deepEqual(stored?.tags, tags);
    await storage.changeObject("outputs", "k", { acl: "public-read" });
    await storage.changeObject("outputs", "k", { tags: [] });
    const changed = await storage.headObject("outputs", "k");
    assert.deepEqual([changed?.acl, changed?.tags ?? []], ["public-read", []]);
    assert.deepEqual(changed?.headers, headers);
    assert.deepEqual([changed?.etag, changed?.userMetadata], [stored?.etag, { b: "2" }]);
    assert.equal(String(await get(storage, "k")), "x");
    // A new version brings its own.
    await put(storage, "k", "y");
    const next = await storage.headObject("outputs", "k");
    assert.deepEqual([next?.acl ?? "private", next?.tags ?? []], ["private", []]);
  });
}

function testBuckets(storageOf: () => ObjectStorage): void {
  it("keeps settings of a bucket until it goes", async () => {
    const storage = storageOf();
    await assert.rejects(storage.changeBucket("second", { acl: "private" }), failsWith("bucket_not_found"));
    await storage.createBucket("second");
    await storage.changeBucket("second", { tags: [["a", "1"]], location: "here" });
    const rule = {
      id: "1",
      allowedOrigins: ["*"],
      allowedMethods: ["GET"],
      allowedHeaders: [],
      exposeHeaders: [],
    };
    await storage.changeBucket("second", { cors: [rule] });
    await storage.changeBucket("second", { acl: "public-read" });
    const { tags, acl, location, cors } = (await storage.findBucket("second")) ?? {};
    assert.deepEqual([tags, acl, location, cors], [[["a", "1"]], "public-read", "here", [rule]]);
    await storage.deleteBucket("second");
    await storage.createBucket("second");
    const fresh = await storage.findBucket("second");
    assert.deepEqual([fresh?.acl ?? "private", fresh?.cors ?? []], ["private", []]);
    await storage.deleteBucket("second");
  });
}

function testUpload(storageOf: () => ObjectStorage): void {
  it("carries tags, access list and the parts' checksums from an upload to its object", async () => {
    const storage = storageOf();
    const ref = await storage.createUpload({
      bucket: "outputs",
      key: "m",
      ...plain,
      tags: [["a", "1"]],
      acl: "public-read",
      checksumAlgorithm: "CRC32",
      checksumType: "COMPOSITE",
    });
    const { bucket, key, uploadId } = ref;
    const checksums = (): { CRC32: string } => ({ CRC32: "y/Q5Jg==" });
    const body = bodyOf("123456789");
    const part = await storage.putPart({
      bucket,
      key,
      uploadId,
      partNumber: 1,
      body,
      declaredBytes: 9,
      checksums,
    });
    await storage.completeUpload({
      bucket,
      key,
      uploadId,
      parts: [part],
      checksums: {},
      checksumType: "COMPOSITE",
    });
    const info = await storage.headObject("outputs", "m");
    assert.deepEqual([info?.tags, info?.acl], [[["a", "1"]], "public-read"]);
    // An implementation may leave them out; what it gives must be right.
    if (info?.partChecksums)
      assert.deepEqual(info.partChecksums, { algorithm: "CRC32", digests: "y/Q5Jg==" });
  });
}
