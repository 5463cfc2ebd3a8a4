import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { after, afterEach, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { bodyOf, createUpload, failsWith, get, plain, put } from "../conformance-kit.ts";
import type { ObjectStorage } from "../storage.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";
import type { S3Storage } from "./s3-storage.ts";

const mebibyte = 1024 * 1024;

function putLarge(storage: ObjectStorage, key: string, content: Buffer): Promise<unknown> {
  const pieces = [];
  for (let at = 0; at < content.length; at += 65_536) pieces.push(content.subarray(at, at + 65_536));
  const declaredBytes = content.length;
  return storage.putObject({ bucket: "outputs", key, ...plain, body: bodyOf(...pieces), declaredBytes });
}

function answer(response: ServerResponse, status: number, code: string): "handled" {
  response.writeHead(status, { "Content-Type": "application/xml", Connection: "close" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
  return "handled";
}

describe("an external bucket that misbehaves", () => {
  let external: ExternalBucketServer;
  let storage: S3Storage;
  before(async () => {
    external = await startExternalBucket();
    storage = external.open();
    await storage.createBucket("outputs");
  });
  afterEach(() => (external.trouble.current = null));
  after(() => external.close());

  it("breaks connections off in the middle of a download: the rest is fetched", async () => {
    const content = randomBytes(5 * mebibyte);
    await putLarge(storage, "cut/get", content);
    let cuts = 3;
    let documents = 1;
    external.trouble.current = ({ method, url = "" }) => {
      if (method !== "GET") return undefined;
      return (url.includes("/cut/get") ? cuts-- : documents--) > 0 ? "cut" : undefined;
    };
    assert.ok((await get(storage, "cut/get"))?.equals(content));
    assert.ok(cuts <= 0 && documents <= 0);
    cuts = 4;
    assert.ok(
      (await get(storage, "cut/get", { start: 7, end: 4_000_000 }))?.equals(content.subarray(7, 4_000_000)),
    );
  });

  it("breaks off and has another version by then: the download fails instead of mixing both", async () => {
    await putLarge(storage, "cut/replaced", randomBytes(5 * mebibyte));
    const object = await storage.getObject("outputs", "cut/replaced");
    assert.ok(object);
    external.trouble.current = ({ method, headers }) =>
      method === "GET" && headers.range === undefined ? "cut" : undefined;
    let isReplaced = false;
    const reading = object.read({ start: 0, end: 5 * mebibyte }, async () => {
      if (!isReplaced)
        await external.server.storage.deleteObject("external", "shared/outputs/outputs/cut/replaced");
      isReplaced = true;
    });
    await assert.rejects(reading);
    await object.close();
  });

  it("never sends a byte of a body: a few attempts, then unreachable", async () => {
    await put(storage, "cut/never", "content");
    const object = await storage.getObject("outputs", "cut/never");
    assert.ok(object);
    let asked = 0;
    external.trouble.current = (_, response) => {
      asked++;
      response.writeHead(200, { "Content-Length": 7 }).flushHeaders();
      setImmediate(() => response.destroy());
      return "handled";
    };
    await assert.rejects(
      object.read({ start: 0, end: 7 }, async () => undefined),
      failsWith("storage_unreachable"),
    );
    await object.close();
    assert.ok(asked <= 4, `${asked} requests`);
  });

  it("is busy: short and long bodies wait and arrive", async () => {
    for (const size of [1000, 3 * mebibyte]) {
      const content = randomBytes(size);
      let refusals = 2;
      external.trouble.current = ({ method }, response) =>
        method === "PUT" && refusals-- > 0 ? answer(response, 503, "SlowDown") : undefined;
      await putLarge(storage, `busy/${size}`, content);
      assert.ok(refusals < 0);
      assert.ok((await get(storage, `busy/${size}`))?.equals(content));
    }
  });

  it("stays busy: the failure says so after a bounded number of requests", async () => {
    for (const size of [1000, 3 * mebibyte]) {
      let asked = 0;
      external.trouble.current = ({ method }, response) => {
        if (method !== "PUT") return undefined;
        asked++;
        return answer(response, 503, "SlowDown");
      };
      await assert.rejects(putLarge(storage, "busy/always", randomBytes(size)), failsWith("storage_busy"));
      assert.ok(asked <= 4, `${asked} requests`);
    }
  });

  it("breaks an upload off: the old object stays", async () => {
    await put(storage, "cut/put", "old");
    external.trouble.current = (message, response) => {
      if (message.method !== "PUT" || !message.url?.includes("/cut/put")) return undefined;
      response.writeContinue();
      message.once("data", () => message.destroy());
      return "handled";
    };
    await assert.rejects(
      putLarge(storage, "cut/put", randomBytes(3 * mebibyte)),
      failsWith("storage_unreachable"),
    );
    external.trouble.current = null;
    assert.equal(String(await get(storage, "cut/put")), "old");
  });

  it("loses the answer of a completion and forgets the upload: it still counts as completed", async () => {
    const upload = await createUpload(storage, "cut/complete");
    const content = randomBytes(100);
    const part = await storage.putPart({
      ...upload,
      partNumber: 1,
      body: bodyOf(content),
      declaredBytes: 100,
    });
    let completions = 0;
    external.trouble.current = ({ method, url = "" }, response) => {
      if (method !== "POST" || !url.includes("uploadId=")) return undefined;
      completions++;
      return completions === 1 ? "cut" : answer(response, 404, "NoSuchUpload");
    };
    const complete = { ...upload, parts: [part], checksums: {}, checksumType: "COMPOSITE" } as const;
    const object = await storage.completeUpload(complete);
    assert.equal(completions, 2);
    assert.equal((await storage.completeUpload(complete)).etag, object.etag);
    assert.ok((await get(storage, "cut/complete"))?.equals(content));
    assert.deepEqual(await storage.listUploads("outputs", ""), []);
  });

  it("does not answer: the time is bounded and the endpoint named", async () => {
    external.trouble.current = () => "handled";
    const hasty = external.open({ idleTimeoutMs: 200, maxAttempts: 2 });
    await assert.rejects(hasty.findBucket("outputs"), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "storage_unreachable");
      assert.match(error.message, /http:\/\/127\.0\.0\.1:\d+/);
      return true;
    });
  });

  it("refuses the credentials: no client is told that its own are wrong, and nothing secret is told", async () => {
    external.trouble.current = (_, response) => answer(response, 403, "AccessDenied");
    for (const work of [
      () => put(storage, "denied", "x"),
      () => putLarge(storage, "denied", randomBytes(3 * mebibyte)),
      () => storage.headObject("outputs", "denied"),
      () => storage.listObjects({ bucket: "outputs", maxKeys: 1 }),
    ]) {
      await assert.rejects(work(), (error: unknown) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.code, "storage_refused");
        assert.equal(error.status, 502);
        assert.doesNotMatch(
          inspect(error, { depth: 20, showHidden: true }),
          /replica|Signature|Credential=/i,
        );
        return true;
      });
    }
  });

  it("is not there", async () => {
    const nowhere = external.open({ endpoint: "http://127.0.0.1:1", maxAttempts: 2 });
    await assert.rejects(nowhere.listBuckets(), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "storage_unreachable");
      assert.match(error.message, /http:\/\/127\.0\.0\.1:1 .*ECONNREFUSED/);
      return true;
    });
  });
});
