import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, beforeEach, describe, it } from "node:test";
import { get, md5, put } from "../../adapters/storage/conformance-kit.ts";
import { checksumAlgorithms, checksumHasher, checksumHeader } from "./checksums.ts";
import { openRequestBody } from "./request-body.ts";
import { framed, type RawRequest, type RawResponse, sendRaw, signedHeaders } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer, testPathPrefix } from "./s3-test-server.ts";

let server: S3TestServer;

before(async () => {
  server = await startS3TestServer();
});
after(() => server.close());
beforeEach(async () => {
  await put(server.storage, "job1/k", "old");
  server.failures.length = 0;
  server.progress.length = 0;
});

function send(rest: Partial<RawRequest>): Promise<RawResponse> {
  return sendRaw({ port: server.port, method: "PUT", resource: "/outputs/k", ...rest });
}

async function assertUnchanged(): Promise<void> {
  assert.equal(String(await get(server.storage, "job1/k")), "old");
  assert.deepEqual(await temporaryFiles(), []);
  assert.deepEqual(server.failures, []);
}

function temporaryFiles(): Promise<string[]> {
  return readdir(join(server.root, ".s3/tmp"));
}

/** Polls, since the server may see the end of a connection a moment later. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 5000;
  while (!(await check())) {
    if (Date.now() > deadlineMs) throw new Error("The expected state was not reached in 5 seconds.");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const body = "some content";
const trailerMode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

function checksumOf(algorithm: (typeof checksumAlgorithms)[number], data: string | Buffer): string {
  const hasher = checksumHasher(algorithm);
  hasher.update(Buffer.from(data));
  return hasher.digest();
}

describe("declared digests", () => {
  it("must be right, or the old object stays", async () => {
    const other = { "content-md5": Buffer.from(md5("other"), "hex").toString("base64") };
    const cases: [code: string, rest: Partial<RawRequest>][] = [
      ["XAmzContentSHA256Mismatch", { payloadHash: createHash("sha256").update("other").digest("hex") }],
      ["BadDigest", { headers: other }],
      ["InvalidDigest", { headers: { "content-md5": "" } }],
      ["InvalidDigest", { headers: { "content-md5": "YWJyYWNhZGFicmE=" } }],
      ["InvalidArgument", { payloadHash: "STREAMING-SOMETHING" }],
    ];
    for (const algorithm of checksumAlgorithms) {
      cases.push(["BadDigest", { headers: { [checksumHeader(algorithm)]: checksumOf(algorithm, "other") } }]);
      cases.push(["BadDigest", { headers: { [checksumHeader(algorithm)]: "AAAA" } }]);
    }
    for (const [code, rest] of cases) {
      const response = await send({ body, ...rest });
      assert.equal(response.code, code, JSON.stringify(rest));
      assert.equal(response.status, 400);
    }
    await assertUnchanged();
  });

  for (const algorithm of checksumAlgorithms) {
    it(`${algorithm} comes as a header or as a trailer, and back when asked for`, async () => {
      const value = checksumOf(algorithm, body);
      const name = checksumHeader(algorithm);
      assert.equal((await send({ body, headers: { [name]: value } })).headers[name], value);
      const announced = { "x-amz-trailer": name, "x-amz-decoded-content-length": String(body.length) };
      const headers = { ...announced, "content-encoding": "aws-chunked" };
      const chunks = framed([body.slice(0, 3), body.slice(3)], { [name]: value });
      const stored = await send({ body: chunks, headers, payloadHash: trailerMode });
      assert.equal(stored.status, 200, stored.text);
      assert.equal(stored.text, "");
      const shown = await send({ method: "GET", headers: { "x-amz-checksum-mode": "ENABLED" } });
      assert.equal(shown.text, body);
      assert.equal(shown.headers[name], value);
      assert.equal(shown.headers["content-encoding"], undefined);
      const ranged = await send({
        method: "GET",
        headers: { "x-amz-checksum-mode": "ENABLED", range: "bytes=0-1" },
      });
      assert.equal(ranged.headers[name], undefined);
    });
  }

  it("in a trailer must come, and be right, and the length too", async () => {
    const headers = {
      "x-amz-trailer": "x-amz-checksum-crc32",
      "x-amz-decoded-content-length": String(body.length),
    };
    const right = { "x-amz-checksum-crc32": checksumOf("CRC32", body) };
    const cases: [code: string, body: Buffer, declared?: number][] = [
      ["MalformedTrailerError", framed([body])],
      ["MalformedTrailerError", framed([body], { "x-amz-checksum-crc32": "%" })],
      ["BadDigest", framed([body], { "x-amz-checksum-crc32": checksumOf("CRC32", "other") })],
      ["IncompleteBody", framed([body], right), body.length + 1],
      ["IncompleteBody", framed([body], right), body.length - 1],
      ["IncompleteBody", framed([body], right).subarray(0, 10)],
      ["InvalidChunkSizeError", Buffer.from(`${body}\r\n`)],
    ];
    for (const [code, chunks, declared = body.length] of cases) {
      const request = { ...headers, "x-amz-decoded-content-length": String(declared) };
      const response = await send({ body: chunks, headers: request, payloadHash: trailerMode });
      assert.equal(response.code, code);
    }
    await assertUnchanged();
  });
});

/** Opens a connection and sends the head of a signed PUT with the given extra headers. */
async function beginPut(declaredBytes: number, headers: Record<string, string>): Promise<Socket> {
  const raw = { port: server.port, method: "PUT", resource: "", payloadHash: "UNSIGNED-PAYLOAD", headers };
  const path = `${testPathPrefix}/outputs/k`;
  const lines = Object.entries({
    ...signedHeaders(raw, path, "", Buffer.alloc(0)),
    "content-length": String(declaredBytes),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return socket;
}

function firstData(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("data", (data) => resolve(data.toString())).once("error", reject);
    socket.once("close", () => reject(new Error("The connection was closed without an answer.")));
  });
}

describe("aws-chunked framing", () => {
  it("is refused where nothing says that it is there, since it would be stored", async () => {
    const request = { port: server.port, method: "PUT", resource: "/outputs/k", body: framed(["data"]) };
    const chunked = { "content-encoding": "gzip, aws-chunked", "x-amz-decoded-content-length": "4" };
    const token = { ...request, accessKeyId: null, headers: { ...chunked, "x-upload-token": "job1-secret" } };
    assert.equal((await sendRaw(token)).code, "InvalidRequest");
    const payloadHash = "UNSIGNED-PAYLOAD";
    assert.equal((await sendRaw({ ...request, headers: chunked, payloadHash })).code, "InvalidRequest");
    const { "x-amz-decoded-content-length": _length, ...named } = chunked;
    assert.equal((await sendRaw({ ...request, body: "data", headers: named })).status, 200);
    assert.equal((await server.storage.headObject("outputs", "job1/k"))?.headers.contentEncoding, "gzip");
  });
});

describe("a client that goes away", () => {
  it("leaves neither a half object nor a temporary file", async () => {
    const socket = await beginPut(10_000_000, {});
    socket.write(randomBytes(3_000_000));
    await eventually(async () => (await temporaryFiles()).length === 1);
    socket.destroy();
    await eventually(async () => (await temporaryFiles()).length === 0);
    await assertUnchanged();
  });

  it("leaves no open file behind while it loads", async () => {
    await put(server.storage, "job1/large", randomBytes(20_000_000));
    const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
    const openBefore = process.platform === "linux" ? await openFiles() : 0;
    const headers = signedHeaders(
      { port: server.port, resource: "" },
      `${testPathPrefix}/outputs/large`,
      "",
      Buffer.alloc(0),
    );
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`GET ${testPathPrefix}/outputs/large HTTP/1.1\r\n${lines.join("")}\r\n`);
    await firstData(socket);
    socket.destroy();
    if (process.platform === "linux") await eventually(async () => (await openFiles()) <= openBefore);
    assert.deepEqual(server.failures, []);
  });
});

describe("a connection on which nothing moves", () => {
  it("is given up when the client is silent, not when the server is slow", async () => {
    const message = Object.assign(new PassThrough(), { headers: {} }) as unknown as IncomingMessage &
      PassThrough;
    const { chunks } = openRequestBody(message, { kind: "plain", sha256: null }, { idleMs: 30 });
    const reader = chunks[Symbol.asyncIterator]();
    message.write("x");
    assert.equal(String((await reader.next()).value), "x");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(message.destroyed, false);
    await assert.rejects(reader.next(), /No byte arrived for 0.03 seconds/);
    assert.equal(message.destroyed, true);
  });
});

describe("Expect: 100-continue", () => {
  it("is answered at once when the headers are good", async () => {
    const socket = await beginPut(3, { expect: "100-continue" });
    assert.match(await firstData(socket), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    socket.write("new");
    assert.match(await firstData(socket), /^HTTP\/1\.1 200 /);
    socket.destroy();
    assert.equal(String(await get(server.storage, "job1/k")), "new");
  });

  it("is answered with the error otherwise, before the body", async () => {
    const socket = await beginPut(1_000_000_000, { expect: "100-continue", "if-none-match": "*" });
    assert.match(await firstData(socket), /^HTTP\/1\.1 412 /);
    socket.destroy();
    await assertUnchanged();
  });

  it("of another kind is ignored", async () => {
    const socket = await beginPut(3, { expect: "200" });
    socket.write("new");
    assert.match(await firstData(socket), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });
});

describe("refused uploads", () => {
  it("show their error to a client that keeps sending", async () => {
    const response = await send({
      body: Buffer.alloc(8_000_000),
      secret: "wrong",
      payloadHash: "UNSIGNED-PAYLOAD",
    });
    assert.equal(response.code, "SignatureDoesNotMatch");
    assert.equal(response.headers.connection, "close");
    await assertUnchanged();
  });

  it("without a length are told so", async () => {
    const headers = signedHeaders(
      { port: server.port, method: "PUT", resource: "" },
      `${testPathPrefix}/outputs/k`,
      "",
      Buffer.alloc(0),
    );
    delete headers["content-length"];
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`PUT ${testPathPrefix}/outputs/k HTTP/1.1\r\n${lines.join("")}\r\n`);
    assert.match(await firstData(socket), /^HTTP\/1\.1 411 /);
    socket.destroy();
    await assertUnchanged();
  });

  it("with too much metadata or promises that cannot be kept", async () => {
    const large = await send({ body, headers: { "x-amz-meta-a": "x".repeat(2100) } });
    assert.equal(large.code, "MetadataTooLarge");
    const encrypted = await send({
      body,
      headers: { "x-amz-server-side-encryption-customer-algorithm": "AES256" },
    });
    assert.equal(encrypted.code, "NotImplemented");
    await assertUnchanged();
  });

  it("while all slots are taken are asked to come again", async () => {
    const busy = await Promise.all(Array.from({ length: 64 }, () => beginPut(100, {})));
    for (const socket of busy) socket.write("x");
    await eventually(async () => (await temporaryFiles()).length === 64);
    const response = await send({ body });
    assert.equal(response.code, "SlowDown");
    assert.equal(response.headers["retry-after"], "1");
    for (const socket of busy) socket.destroy();
    await eventually(async () => (await temporaryFiles()).length === 0);
    assert.equal((await send({ body })).status, 200);
  });
});

describe("conditions and ranges", () => {
  it("of a write are kept", async () => {
    const conditions: [number, string, string][] = [
      [412, "if-none-match", "*"],
      [412, "if-none-match", `"${md5("old")}"`],
      [412, "if-match", '"other"'],
      [200, "if-match", `"${md5("old")}"`],
      [200, "if-none-match", `"${md5("old")}"`],
    ];
    for (const [status, name, value] of conditions) {
      assert.equal((await send({ body, headers: { [name]: value } })).status, status, `${name}: ${value}`);
    }
    const missing = await send({ resource: "/outputs/none", body, headers: { "if-match": '"x"' } });
    assert.equal(missing.code, "NoSuchKey");
  });

  it("of a read are kept", async () => {
    const etag = `"${md5("old")}"`;
    const past = new Date(Date.now() - 3_600_000).toUTCString();
    const future = new Date(Date.now() + 3_600_000).toUTCString();
    const cases: [number, Record<string, string>][] = [
      [200, { "if-match": etag }],
      [412, { "if-match": '"x"' }],
      [304, { "if-none-match": etag }],
      [200, { "if-none-match": '"x"' }],
      [304, { "if-modified-since": future }],
      [200, { "if-modified-since": past }],
      [412, { "if-unmodified-since": past }],
      [200, { "if-unmodified-since": future }],
      [200, { "if-match": etag, "if-unmodified-since": past }],
      [200, { "if-none-match": '"x"', "if-modified-since": future }],
      [206, { range: "bytes=0-0", "if-range": etag }],
      [200, { range: "bytes=0-0", "if-range": '"x"' }],
    ];
    for (const [status, headers] of cases) {
      for (const method of ["GET", "HEAD"]) {
        assert.equal((await send({ method, headers })).status, status, JSON.stringify(headers));
      }
    }
  });

  it("give the bytes asked for", async () => {
    await put(server.storage, "job1/k", "0123456789");
    await put(server.storage, "job1/empty", "");
    const cases: [string, number, string][] = [
      ["bytes=0-0", 206, "0"],
      ["bytes=2-4", 206, "234"],
      ["bytes=7-", 206, "789"],
      ["bytes=-3", 206, "789"],
      ["bytes=-30", 206, "0123456789"],
      ["bytes=5-100", 206, "56789"],
      ["bytes=4-2", 200, "0123456789"],
      ["bytes=0-1,3-4", 200, "0123456789"],
      ["lines=1", 200, "0123456789"],
    ];
    for (const [range, status, expected] of cases) {
      const response = await send({ method: "GET", headers: { range } });
      assert.deepEqual([response.status, response.text], [status, expected], range);
    }
    assert.equal(
      (await send({ method: "GET", headers: { range: "bytes=2-4" } })).headers["content-range"],
      "bytes 2-4/10",
    );
    for (const [resource, range] of [
      ["/outputs/k", "bytes=10-"],
      ["/outputs/k", "bytes=-0"],
      ["/outputs/empty", "bytes=0-"],
    ] as const) {
      const response = await send({ method: "GET", resource, headers: { range } });
      assert.equal(response.status, 416);
      assert.match(String(response.headers["content-range"]), /^bytes \*\/\d+$/);
    }
  });
});
