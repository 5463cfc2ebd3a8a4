import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { openRequestBody, type PayloadMode, type RequestBody } from "./request-body.ts";
import { framed } from "./s3-test-client.ts";

const mebibyte = 1024 * 1024;
const plain: PayloadMode = { kind: "plain", sha256: null };
const chunked: PayloadMode = { kind: "aws-chunked", signing: null };

function messageWith(headers: Record<string, string>): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  Object.assign(message.headers, headers);
  message.headersDistinct = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value]]),
  );
  for (const [name, value] of Object.entries(headers)) message.rawHeaders.push(name, value);
  return message;
}

function open(
  headers: Record<string, string>,
  mode: PayloadMode = plain,
  options: object = {},
): RequestBody & { message: IncomingMessage } {
  const message = messageWith(headers);
  return { ...openRequestBody(message, mode, { idleMs: 10_000, ...options }), message };
}

describe("which bodies need no MD5", () => {
  const crc = { "x-amz-checksum-crc32": "AAAAAA==" };
  const isVouchedFor = (bytes: number, headers: object, mode = plain, options = {}): boolean =>
    open({ "content-length": String(bytes), ...headers }, mode, options).chunks.isVouchedFor === true;

  it("are those with a checksum, when they are large or parts of an upload with checksums", () => {
    assert.equal(isVouchedFor(64 * mebibyte, crc), false);
    assert.equal(isVouchedFor(64 * mebibyte + 1, crc), true);
    assert.equal(isVouchedFor(1024 * mebibyte, {}), false);
    assert.equal(isVouchedFor(1024 * mebibyte + 1, {}), true);
    const signed: PayloadMode = { kind: "plain", sha256: "0".repeat(64) };
    assert.equal(isVouchedFor(64 * mebibyte, {}, signed), false);
    assert.equal(isVouchedFor(64 * mebibyte + 1, {}, signed), true);
    assert.equal(isVouchedFor(5, {}, plain, { alsoCompute: "CRC32" }), true);
    assert.equal(isVouchedFor(5, {}, plain, { alsoCompute: null }), false);
  });

  it("keep the signed hash as a checksum where it stands in for the MD5, and only there", async () => {
    const data = Buffer.alloc(64 * mebibyte + 1, 7);
    for (const body of [data, data.subarray(1)]) {
      const sha256 = createHash("sha256").update(body);
      const mode: PayloadMode = { kind: "plain", sha256: sha256.copy().digest("hex") };
      const opened = open({ "content-length": String(body.length) }, mode);
      opened.message.push(body);
      opened.message.push(null);
      for await (const chunk of opened.chunks) assert.ok(chunk.length > 0);
      const expected = body === data ? { SHA256: sha256.digest("base64") } : {};
      assert.deepEqual(opened.checksums(), expected);
    }
  });
});

describe("the memory of a body's chunks", () => {
  it("is freed when a chunk is released, but never under a chunk that was not", async () => {
    const data = ["first", "second", "third"];
    const raw = framed(data);
    const slice = new Uint8Array(raw.length);
    slice.set(raw);
    const { chunks, message } = open({ "x-amz-decoded-content-length": "16" }, chunked);
    message.push(slice);
    message.push(null);
    const seen: Uint8Array[] = [];
    for await (const chunk of chunks) {
      assert.equal(Buffer.from(chunk).toString(), data[seen.length]);
      seen.push(chunk);
      chunks.release?.(chunk);
    }
    assert.equal(slice.buffer.byteLength, 0, "all of its chunks were released");
  });

  it("stays when it is somebody else's too", async () => {
    const shared = new Uint8Array(100).fill(7);
    const { chunks, message } = open({ "content-length": "50" });
    message.push(shared.subarray(0, 50));
    message.push(null);
    for await (const chunk of chunks) chunks.release?.(chunk);
    assert.equal(shared[99], 7);
  });

  it("stays when nobody releases it", async () => {
    const { chunks, message } = open({ "content-length": "20" });
    for (const letter of ["a", "b"]) message.push(new Uint8Array(10).fill(letter.charCodeAt(0)));
    message.push(null);
    const kept: Uint8Array[] = [];
    for await (const chunk of chunks) kept.push(chunk);
    assert.equal(Buffer.concat(kept).toString(), "a".repeat(10) + "b".repeat(10));
  });
});

describe("a body that ends badly", () => {
  it("fails when the connection was gone before anybody read", async () => {
    const { chunks, message } = open({ "content-length": "20" });
    message.on("error", () => undefined);
    message.destroy(new Error("gone"));
    await assert.rejects(async () => {
      for await (const _ of chunks);
    }, /gone/);
  });

  it("holds back a fast sender while its reader is slow, and goes on", async () => {
    const size = 20 * 64 * 1024;
    const { chunks, message } = open({ "content-length": String(size) });
    let sent = 0;
    message._read = () => {
      while (sent < size) {
        sent += 64 * 1024;
        if (!message.push(new Uint8Array(64 * 1024))) return;
      }
      if (sent === size) message.push(null);
      sent++;
    };
    let received = 0;
    let ahead = 0;
    for await (const chunk of chunks) {
      received += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
      ahead = Math.max(ahead, sent - received);
    }
    assert.equal(received, size);
    assert.ok(ahead <= 512 * 1024, `${ahead} bytes were taken in ahead of the reader`);
  });
});
