import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { bodyOf, plain } from "../conformance-kit.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";
import type { S3Storage } from "./s3-storage.ts";

const mebibyte = 1024 * 1024;

describe("what is known of an object in an external bucket", () => {
  let external: ExternalBucketServer;
  let storage: S3Storage;
  let other: S3Storage;
  before(async () => {
    external = await startExternalBucket();
    storage = external.open();
    other = external.open();
    await storage.createBucket("outputs");
  });
  after(() => external.close());

  /** Names of everything that is no object. */
  async function ownNames(): Promise<string[]> {
    const query = { bucket: "external", prefix: "shared/outputs/.simpletuner/records/", maxKeys: 1000 };
    return (await external.server.storage.listObjects(query)).objects.map(({ key }) => key);
  }

  it("is read by another server, however much it is and however the body was sent", async () => {
    const described = {
      headers: { contentType: "image/png", contentDisposition: "inline; ü", expires: "0" },
      userMetadata: { step: "10", note: "x".repeat(1900) },
      tags: [["kind", "sample"]] as const,
      acl: "public-read" as const,
    };
    for (const size of [10, 3 * mebibyte, 9 * mebibyte]) {
      const key = `described/${size}`;
      const checksums = { SHA1: Buffer.alloc(20, size).toString("base64") };
      const input = {
        bucket: "outputs",
        key,
        ...described,
        body: bodyOf(randomBytes(size)),
        checksums: () => checksums,
      };
      await storage.putObject(size === 3 * mebibyte ? { ...input, declaredBytes: size } : input);
      const found = await other.headObject("outputs", key);
      assert.deepEqual(
        { ...found, etag: "", lastModifiedMs: 0 },
        {
          ...described,
          bucket: "outputs",
          key,
          sizeBytes: size,
          checksums,
          checksumType: "FULL_OBJECT",
          partRuns: [],
          etag: "",
          lastModifiedMs: 0,
        },
      );
    }
    await storage.deletePrefix("outputs", "described/");
    assert.deepEqual(await ownNames(), []);
  });

  it("changes for that version only, and goes with it", async () => {
    const write = (content: string): Promise<unknown> =>
      storage.putObject({ bucket: "outputs", key: "changed", ...plain, body: bodyOf(content) });
    await write("one");
    await storage.changeObject("outputs", "changed", { tags: [["a", "b"]] });
    await storage.changeObject("outputs", "changed", { acl: "public-read" });
    const changed = await other.headObject("outputs", "changed");
    assert.deepEqual([changed?.tags, changed?.acl], [[["a", "b"]], "public-read"]);
    await write("two");
    assert.equal((await other.headObject("outputs", "changed"))?.tags, undefined);
    await storage.changeObject("outputs", "changed", { tags: [["c", "d"]] });
    await storage.deletePrefix("outputs", "changed");
    assert.deepEqual(await ownNames(), []);
  });

  it("is kept while later writers of the same key fail", async () => {
    const checksums = { SHA1: Buffer.alloc(20, 1).toString("base64") };
    const large = (conditions: object, checked = checksums): Promise<unknown> =>
      storage.putObject({
        bucket: "outputs",
        key: "contested",
        ...plain,
        body: bodyOf(randomBytes(2 * mebibyte)),
        declaredBytes: 2 * mebibyte,
        checksums: () => checked,
        conditions,
      });
    await large({});
    for (let attempt = 0; attempt < 3; attempt++)
      await assert.rejects(large({ ifNoneMatch: ["*"] }, { SHA1: "other" }));
    assert.deepEqual((await other.headObject("outputs", "contested"))?.checksums, checksums);
  });

  it("is as much as the service tells when another program put it there", async () => {
    const foreign = {
      headers: { contentType: "text/plain" },
      userMetadata: { by: "other" },
      body: bodyOf("foreign"),
    };
    await external.server.storage.putObject({
      bucket: "external",
      key: "shared/outputs/outputs/foreign",
      ...foreign,
    });
    const found = await storage.headObject("outputs", "foreign");
    assert.equal(found?.headers.contentType, "text/plain");
    assert.deepEqual(found?.userMetadata, foreign.userMetadata);
    await storage.changeObject("outputs", "foreign", { tags: [["a", "b"]] });
    assert.deepEqual((await other.headObject("outputs", "foreign"))?.tags, [["a", "b"]]);
  });

  it("of short objects costs no second request", async () => {
    external.requests.length = 0;
    await storage.putObject({ bucket: "outputs", key: "short", ...plain, body: bodyOf("x") });
    assert.deepEqual(
      external.requests.map((line) => line.split("?")[0]),
      ["PUT /api/cloud/storage/external/shared/outputs/outputs/short"],
    );
  });
});

describe("abandoned uploads in an external bucket", () => {
  let external: ExternalBucketServer;
  before(async () => {
    external = await startExternalBucket();
  });
  after(() => external.close());

  it("are aborted after seven days, with those that a crash left without a state; others stay", async () => {
    let nowMs = Date.now();
    const storage = external.open({ clock: () => nowMs });
    await storage.createBucket("outputs");
    const create = (key: string): ReturnType<S3Storage["createUpload"]> =>
      storage.createUpload({
        bucket: "outputs",
        key,
        ...plain,
        checksumAlgorithm: null,
        checksumType: "COMPOSITE",
      });
    const upload = await create("old");
    const orphan = { bucket: "external", key: "shared/outputs/outputs/orphan", ...plain };
    await external.server.storage.createUpload({
      ...orphan,
      checksumAlgorithm: null,
      checksumType: "COMPOSITE",
    });
    const done = await create("done");
    const part = await storage.putPart({ ...done, partNumber: 1, body: bodyOf("x"), declaredBytes: 1 });
    const complete = { ...done, parts: [part], checksums: {}, checksumType: "COMPOSITE" } as const;
    await storage.completeUpload(complete);
    await storage.sweep();
    assert.deepEqual(
      (await storage.listUploads("outputs", "")).map(({ key }) => key),
      ["old"],
    );
    await storage.completeUpload(complete);
    nowMs += 7 * 86_400_000 + 60_000;
    await storage.sweep();
    assert.equal(await storage.findUpload(upload), null);
    assert.deepEqual(await external.server.storage.listUploads("external", ""), []);
    await assert.rejects(storage.completeUpload(complete));
    const { objects } = await external.server.storage.listObjects({ bucket: "external", maxKeys: 100 });
    assert.deepEqual(
      objects.map(({ key }) => key).filter((key) => /uploads|parts|completed/.test(key)),
      [],
    );
  });
});
