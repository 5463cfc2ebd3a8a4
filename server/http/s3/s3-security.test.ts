import assert from "node:assert/strict";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { get, put } from "../../adapters/storage/conformance-kit.ts";
import { type RawRequest, type RawResponse, sendRaw } from "./s3-test-client.ts";
import { jobCredential, type S3TestServer, startS3TestServer, testPathPrefix } from "./s3-test-server.ts";

let server: S3TestServer;
let nowMs = Date.now();

before(async () => {
  server = await startS3TestServer({ clock: () => nowMs });
});
after(() => server.close());
beforeEach(async () => {
  nowMs = Date.now();
  server.caller.current = null;
  server.credentials.set("job1-key", jobCredential("job1"));
  await server.storage.deletePrefix("outputs", "");
});

function send(method: string, resource: string, rest: Partial<RawRequest> = {}): Promise<RawResponse> {
  return sendRaw({ port: server.port, method, resource, ...rest });
}

function assertRefused(response: RawResponse, status: number, code: string): void {
  assert.equal(response.status, status, response.text);
  assert.equal(response.code, code);
  assert.equal(/<RequestId>(\w+)</.exec(response.text)?.[1], response.headers["x-amz-request-id"]);
  assert.deepEqual(server.failures, []);
}

describe("who may come in", () => {
  it("nobody without credentials", async () => {
    await put(server.storage, "job1/k", "x");
    for (const method of ["GET", "PUT", "DELETE"]) {
      assertRefused(await send(method, "/outputs/k", { accessKeyId: null, body: "" }), 403, "AccessDenied");
    }
    for (const resource of ["", "/", "/outputs", "/outputs?list-type=2"]) {
      assertRefused(await send("GET", resource, { accessKeyId: null }), 403, "AccessDenied");
    }
    assert.equal((await send("HEAD", "/outputs/k", { accessKeyId: null })).status, 403);
  });

  it("nobody with a wrong secret, an unknown key or the key of an ended job", async () => {
    const body = "x";
    assertRefused(await send("PUT", "/outputs/k", { secret: "guess", body }), 403, "SignatureDoesNotMatch");
    assertRefused(await send("PUT", "/outputs/k", { accessKeyId: "other", body }), 403, "InvalidAccessKeyId");
    assert.equal((await send("PUT", "/outputs/k", { body })).status, 200);
    server.credentials.delete("job1-key");
    assertRefused(await send("PUT", "/outputs/k", { body }), 403, "InvalidAccessKeyId");
    assertRefused(await send("GET", "/outputs/k"), 403, "InvalidAccessKeyId");
  });

  it("nobody whose clock is more than 15 minutes off", async () => {
    for (const minutes of [-16, 16]) {
      const late = await send("GET", "/outputs/k", { dateMs: nowMs + minutes * 60_000 });
      assertRefused(late, 403, "RequestTimeTooSkewed");
    }
    for (const minutes of [-14, 14]) {
      assertRefused(await send("GET", "/outputs/k", { dateMs: nowMs + minutes * 60_000 }), 404, "NoSuchKey");
    }
  });

  it("nobody who changes what was signed", async () => {
    const signed = { headers: { "x-amz-meta-a": "1" } };
    const changed = await send("PUT", "/outputs/k", { headers: { "x-amz-meta-a": "2" }, signed, body: "x" });
    assertRefused(changed, 403, "SignatureDoesNotMatch");
    const added = await send("PUT", "/outputs/k", { unsignedHeaders: { "x-amz-meta-a": "2" }, body: "x" });
    assertRefused(added, 403, "AccessDenied");
    const signedPath = `${testPathPrefix}/outputs/other`;
    assertRefused(
      await send("GET", "/outputs/k", { signed: { path: signedPath } }),
      403,
      "SignatureDoesNotMatch",
    );
    assert.equal(await server.storage.headObject("outputs", "job1/k"), null);
  });

  it("clients behind real proxies and with their own ideas of the path", async () => {
    await put(server.storage, "job1/k", "x");
    const host = `127.0.0.1:${server.port}`;
    const good: Partial<RawRequest>[] = [
      { signed: { path: "/outputs/k" } },
      { signed: { path: "/outputs/k", host: host + testPathPrefix } },
      { headers: { "accept-encoding": "gzip" }, signed: { headers: { "accept-encoding": "identity" } } },
    ];
    for (const rest of good) assert.equal((await send("GET", "/outputs/k", rest)).status, 200);
    assertRefused(
      await send("GET", "/outputs/k", { signed: { host: "elsewhere" } }),
      403,
      "SignatureDoesNotMatch",
    );
  });

  it("holders of an upload token in a header", async () => {
    const token = { accessKeyId: null, headers: { "x-upload-token": "job1-secret" }, body: "x" };
    assert.equal((await send("PUT", "/outputs/k", token)).status, 200);
    assert.equal(String(await get(server.storage, "job1/k")), "x");
    const secret = { accessKeyId: null, headers: { "x-simpletuner-secret": "wrong" }, body: "x" };
    assertRefused(await send("PUT", "/outputs/k", secret), 403, "InvalidAccessKeyId");
  });

  it("a session, as far as the server lets it read and delete", async () => {
    await put(server.storage, "job1/k", "one");
    await put(server.storage, "job2/k", "two");
    server.caller.current = {
      canRead: (_, key) => key.startsWith("job1/"),
      canDelete: async (_, key) => key === "job1/k",
    };
    const unsigned = { accessKeyId: null };
    assert.equal((await send("GET", "/outputs/job1/k", unsigned)).text, "one");
    assertRefused(await send("GET", "/outputs/job2/k", unsigned), 403, "AccessDenied");
    assertRefused(await send("GET", "/outputs?list-type=2", unsigned), 403, "AccessDenied");
    const list = await send("GET", "/outputs?prefix=job1/", {
      ...unsigned,
      headers: { accept: "application/json" },
    });
    const { Contents, ...page } = JSON.parse(list.text);
    assert.deepEqual(Object.keys(Contents[0]).sort(), ["ETag", "Key", "LastModified", "Size"]);
    assert.equal(Contents[0].Key, "job1/k");
    assert.equal(page.Name, "outputs");
    assertRefused(await send("PUT", "/outputs/job1/k", { ...unsigned, body: "x" }), 403, "AccessDenied");
    assertRefused(await send("DELETE", "/outputs/job2/k", unsigned), 403, "AccessDenied");
    assert.equal((await send("DELETE", "/outputs/job1/k", unsigned)).status, 204);
  });
});

describe("the area of a job", () => {
  beforeEach(async () => {
    server.credentials.set("job10-key", jobCredential("job10"));
    await put(server.storage, "job10/secret", "of job10");
    await put(server.storage, "job1/mine", "of job1");
  });

  it("is all that its key sees, with or without its name in front", async () => {
    assert.equal((await send("GET", "/outputs/mine")).text, "of job1");
    assert.equal((await send("GET", "/outputs/job1/mine")).text, "of job1");
    const short = await send("GET", "/outputs?list-type=2");
    assert.deepEqual(
      [...short.text.matchAll(/<Key>(.*?)</g)].map(([, key]) => key),
      ["mine"],
    );
    const long = await send("GET", "/outputs?list-type=2&prefix=job1%2F");
    assert.deepEqual(
      [...long.text.matchAll(/<Key>(.*?)</g)].map(([, key]) => key),
      ["job1/mine"],
    );
    const buckets = await send("GET", "/");
    assert.deepEqual(
      [...buckets.text.matchAll(/<Name>(.*?)</g)].map(([, name]) => name),
      ["outputs"],
    );
  });

  it("is not left by a foreign name, a foreign bucket or a list", async () => {
    assertRefused(await send("GET", "/outputs/job10/secret"), 404, "NoSuchKey");
    assert.equal((await send("PUT", "/outputs/job10/secret", { body: "forged" })).status, 200);
    assert.equal((await send("DELETE", "/outputs/job10/secret")).status, 204);
    assert.equal(String(await get(server.storage, "job10/secret")), "of job10");
    await server.storage.createBucket("other");
    for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
      assert.equal((await send(method, "/other", { body: "" })).status, 403);
      assert.equal((await send(method, "/other/k", { body: "" })).status, 403);
    }
    assertRefused(await send("PUT", "/new-bucket"), 403, "AccessDenied");
    assertRefused(await send("DELETE", "/outputs"), 403, "AccessDenied");
    for (const prefix of ["job10%2F", "..%2F", "job1%2F..%2Fjob10%2F"]) {
      const list = await send("GET", `/outputs?list-type=2&prefix=${prefix}`);
      assert.doesNotMatch(list.text, /<Key>/);
    }
    const upload = await server.storage.createUpload({
      bucket: "outputs",
      key: "job10/m",
      headers: {},
      userMetadata: {},
      checksumAlgorithm: null,
      checksumType: "COMPOSITE",
    });
    const part = await send("PUT", `/outputs/m?partNumber=1&uploadId=${upload.uploadId}`, { body: "x" });
    assertRefused(part, 404, "NoSuchUpload");
    assert.doesNotMatch((await send("GET", "/outputs?uploads")).text, /<Upload>/);
  });

  it("is not left through deleting many", async () => {
    const keys = ["job10/secret", "../job10/secret", "mine"].map(
      (key) => `<Object><Key>${key}</Key></Object>`,
    );
    const many = await send("POST", "/outputs?delete", { body: `<Delete>${keys.join("")}</Delete>` });
    assert.equal(many.text.match(/<Deleted>/g)?.length, 3);
    assert.equal(String(await get(server.storage, "job10/secret")), "of job10");
    assert.equal(await get(server.storage, "job1/mine"), null);
  });

  it("may be opened for reading only", async () => {
    server.credentials.set("job1-key", { ...jobCredential("job1"), access: "read" });
    assert.equal((await send("GET", "/outputs/mine")).status, 200);
    for (const [method, resource] of [
      ["PUT", "/outputs/mine"],
      ["DELETE", "/outputs/mine"],
      ["POST", "/outputs/mine?uploads"],
      ["PUT", "/outputs"],
    ] as const) {
      assertRefused(await send(method, resource, { body: "" }), 403, "AccessDenied");
    }
  });
});

describe("keys that look like paths", () => {
  const sent = [
    "../../x",
    "%2e%2e/%2e%2e/x",
    "..%2F..%2Fx",
    "/etc/passwd",
    "a/../../../x",
    "a//b",
    "n%00l",
    "d/",
    ".",
    "..%5Cx",
  ];
  for (const path of sent) {
    it(`stay objects of the job: ${path}`, async () => {
      const key = `job1/${decodeURIComponent(path)}`;
      assert.equal((await send("PUT", `/outputs/${path}`, { body: path })).status, 200);
      assert.equal((await send("GET", `/outputs/${path}`)).text, path);
      assert.equal(String(await get(server.storage, key)), path);
      assert.deepEqual(
        (await readdir(server.root)).filter((name) => name !== ".s3" && name !== "other"),
        ["outputs"],
      );
      assert.equal((await send("DELETE", `/outputs/${path}`)).status, 204);
      assertRefused(await send("GET", `/outputs/${path}`), 404, "NoSuchKey");
    });
  }

  it("are refused when they are no UTF-8 or too long", async () => {
    assertRefused(await send("GET", "/outputs/%ff"), 400, "InvalidURI");
    assertRefused(await send("GET", "/outputs/%zz"), 400, "InvalidURI");
    assertRefused(await send("PUT", `/outputs/${"a".repeat(1025)}`, { body: "x" }), 400, "KeyTooLongError");
  });

  it("do not reach a planted symbolic link", async () => {
    const outside = join(server.root, "..", `outside-${process.pid}`);
    await writeFile(outside, "outside");
    await mkdir(join(server.root, "outputs/job1"), { recursive: true });
    await symlink(outside, join(server.root, "outputs/job1/link"));
    assertRefused(await send("GET", "/outputs/link"), 404, "NoSuchKey");
    assert.equal((await send("PUT", "/outputs/link", { body: "in" })).status, 200);
    assert.equal((await send("GET", "/outputs/link")).text, "in");
    const { readFile, rm } = await import("node:fs/promises");
    assert.equal(await readFile(outside, "utf8"), "outside");
    await rm(outside);
  });
});

describe("what a browser gets", () => {
  it("never becomes a page of this origin", async () => {
    const upload = (key: string, type: string, more = {}): Promise<RawResponse> =>
      send("PUT", `/outputs/${key}`, { headers: { "content-type": type, ...more }, body: "<script>" });
    await upload("page.html", "text/html");
    await upload("drawing.svg", "image/svg+xml", { "content-disposition": "inline; filename=d.svg" });
    await upload("photo.png", "image/png");
    await upload("untyped.webp", "");
    const shown = async (resource: string): Promise<[string | undefined, string | undefined]> => {
      for (const method of ["GET", "HEAD"]) {
        const { status, headers } = await send(method, `/outputs/${resource}`);
        assert.equal(status, 200);
        assert.equal(headers["x-content-type-options"], "nosniff");
        assert.match(String(headers["content-security-policy"]), /sandbox/);
      }
      const { headers } = await send("GET", `/outputs/${resource}`);
      return [headers["content-type"], headers["content-disposition"]];
    };
    assert.deepEqual(await shown("page.html"), ["text/html", "attachment"]);
    assert.deepEqual(await shown("drawing.svg"), ["image/svg+xml", "attachment; filename=d.svg"]);
    assert.deepEqual(await shown("photo.png"), ["image/png", "inline"]);
    assert.deepEqual(await shown("untyped.webp"), ["image/webp", "inline"]);
    assert.deepEqual(await shown("photo.png?response-content-type=text%2Fhtml"), ["text/html", "attachment"]);
    const split = await send("GET", "/outputs/photo.png?response-content-type=a%0D%0Ab");
    assertRefused(split, 400, "InvalidArgument");
  });

  it("is JSON where it asks for JSON, errors too", async () => {
    const headers = { accept: "application/json, text/plain" };
    const stored = await send("PUT", "/outputs/k", { headers, body: "x" });
    assert.deepEqual(JSON.parse(stored.text), { ETag: stored.headers.etag, Key: "k", Bucket: "outputs" });
    const buckets = JSON.parse((await send("GET", "/", { headers })).text);
    assert.equal(buckets.total_size, 1);
    const { LastModified, ...bucket } = buckets.Buckets[0];
    assert.deepEqual(bucket, { Name: "outputs", Size: 1, FileCount: 1 });
    assert.ok(LastModified > 1e9 && LastModified < 1e11);
    const missing = await send("GET", "/outputs/none", { headers });
    assert.equal(missing.status, 404);
    assert.equal(JSON.parse(missing.text).error, "no_such_key");
  });
});

describe("operations that are not offered", () => {
  it("say so and change nothing", async () => {
    await put(server.storage, "job1/k", "kept");
    for (const name of ["legal-hold", "retention", "torrent"]) {
      assertRefused(await send("PUT", `/outputs/k?${name}`, { body: "x" }), 501, "NotImplemented");
    }
    const grant = { headers: { "x-amz-grant-read": "id=anyone" }, body: "x" };
    assertRefused(await send("PUT", "/outputs/k", grant), 501, "NotImplemented");
    assertRefused(await send("GET", "/outputs/k?versionId=1"), 404, "NoSuchVersion");
    assertRefused(await send("POST", "/outputs/k", { body: "x" }), 405, "MethodNotAllowed");
    assertRefused(await send("PATCH", "/outputs", { body: "x" }), 405, "MethodNotAllowed");
    const newer = { authorization: "AWS4-ECDSA-P256-SHA256 Credential=a" };
    assertRefused(
      await send("GET", "/outputs/k", { accessKeyId: null, headers: newer }),
      400,
      "InvalidRequest",
    );
    assert.equal(String(await get(server.storage, "job1/k")), "kept");
  });
});
