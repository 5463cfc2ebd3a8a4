import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { limitedStorage, type QuotaAccounts } from "../../adapters/storage/limited-storage.ts";
import { openLocalStorage } from "../../adapters/storage/local/local-storage.ts";
import { createS3Handler, mountS3 } from "./s3-handler.ts";
import { sendRaw, signedHeaders } from "./s3-test-client.ts";
import { jobCredential, testPathPrefix } from "./s3-test-server.ts";

const mebibyte = 1024 * 1024;

/** The endpoint on `root` with limits, and the port it listens on. */
async function startLimited(root: string, accounts: QuotaAccounts | null): Promise<[Server, number]> {
  const local = await openLocalStorage({ root, durability: "full", keepFreeBytes: 0 });
  await local.createBucket("outputs");
  const handler = createS3Handler({
    storage: limitedStorage(local, accounts),
    pathPrefix: testPathPrefix,
    credentials: { findByAccessKey: async () => jobCredential("job1") },
    authorizeCaller: async () => null,
    clock: Date.now,
  });
  const server = createServer({ requestTimeout: 0 });
  mountS3(
    server,
    { pathPrefix: testPathPrefix },
    handler,
    (_, response) => void response.writeHead(404).end(),
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return [server, (server.address() as AddressInfo).port];
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
}

describe("an upload over a quota", () => {
  let root: string;
  let server: Server;
  let port: number;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "s3-limits-"));
    [server, port] = await startLimited(root, {
      quotasOf: async () => [{ account: "job job1", limitBytes: 2 * mebibyte, usedBytes: mebibyte }],
      onStored() {},
      onRemoved() {},
    });
  });
  afterEach(async () => {
    await stop(server);
    await rm(root, { recursive: true, force: true });
  });

  it("is refused with QuotaExceeded instead of 100 Continue", async () => {
    const path = `${testPathPrefix}/outputs/k`;
    const raw = { port, method: "PUT", resource: "", headers: { expect: "100-continue" } };
    const unsigned = { ...raw, payloadHash: "UNSIGNED-PAYLOAD" };
    const headers = signedHeaders(unsigned, path, "", Buffer.alloc(mebibyte + 1));
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(port, "127.0.0.1");
    socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (piece) => {
        text += String(piece);
        if (text.includes("</Error>")) resolve(text);
      });
    });
    socket.destroy();
    assert.match(answer, /^HTTP\/1.1 403 /);
    assert.match(answer, /<Code>QuotaExceeded<\/Code><Message>This does not fit in the quota of job job1/);
  });

  it("is stopped while it streams when nobody said how long it would be, and leaves nothing", async () => {
    const body = Buffer.alloc(mebibyte + 1, 7);
    const framed = `${body.length.toString(16)}\r\n${body.toString("latin1")}\r\n0\r\n\r\n`;
    const path = `${testPathPrefix}/outputs/k`;
    const raw = { port, method: "PUT", resource: "", payloadHash: "UNSIGNED-PAYLOAD" };
    const { "content-length": _length, ...headers } = signedHeaders(raw, path, "", body);
    const lines = Object.entries({ ...headers, "transfer-encoding": "chunked" });
    const socket = connect(port, "127.0.0.1");
    socket.write(
      `PUT ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
    );
    socket.write(framed, "latin1");
    const [answer] = await new Promise<Buffer[]>(
      (resolve) => void socket.once("data", (...data) => resolve(data)),
    );
    socket.destroy();
    assert.match(String(answer), /^HTTP\/1.1 403 [^]*QuotaExceeded/);
    assert.equal((await sendRaw({ port, resource: "/outputs/k" })).status, 404);
    assert.deepEqual(await readdir(join(root, ".s3/tmp")), []);
  });

  it("is stored when it fits exactly", async () => {
    const body = Buffer.alloc(mebibyte, 7);
    assert.equal((await sendRaw({ port, method: "PUT", resource: "/outputs/k", body })).status, 200);
  });
});

/** A file system of 8 MiB, or null where this process may not mount one. */
async function mountSmall(): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), "s3-full-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]);
  if (mounted.status === 0) return folder;
  await rm(folder, { recursive: true });
  return null;
}

describe("a disk that becomes full", () => {
  let folder: string | null = null;
  let server: Server | null = null;
  let port = 0;
  before(async () => {
    folder = await mountSmall();
    if (folder !== null) [server, port] = await startLimited(folder, null);
  });
  after(async () => {
    if (server !== null) await stop(server);
    if (folder === null) return;
    spawnSync("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  });

  it("answers 507 to what does not fit, keeps the old objects, and has room again", async (context) => {
    if (folder === null) return context.skip("a file system cannot be mounted here");
    const own = join(folder, ".s3");
    const put = (body: Buffer): ReturnType<typeof sendRaw> =>
      sendRaw({ port, method: "PUT", resource: "/outputs/k", body });
    const old = Buffer.alloc(3 * mebibyte, 1);
    assert.equal((await put(old)).status, 200);
    assert.equal((await put(Buffer.alloc(9 * mebibyte, 2))).status, 507, "declared, refused at once");
    // Nobody says how long this one is: the disk itself must say stop.
    const path = `${testPathPrefix}/outputs/k`;
    const body = Buffer.alloc(6 * mebibyte, 3);
    const raw = { port, method: "PUT", resource: "", payloadHash: "UNSIGNED-PAYLOAD" };
    const { "content-length": _length, ...headers } = signedHeaders(raw, path, "", body);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "PUT",
      headers,
      body: new Blob([body]).stream(),
      duplex: "half",
    });
    assert.equal(answer.status, 507);
    assert.match(await answer.text(), /<Code>InsufficientStorage</);
    assert.deepEqual(await readdir(join(own, "tmp")), []);
    assert.ok((await sendRaw({ port, resource: "/outputs/k" })).body.equals(old));
    assert.equal((await put(Buffer.alloc(4 * mebibyte, 4))).status, 200);
  });

  it("answers 507 to a part that does not fit, and the upload can go on with a smaller one", async (context) => {
    if (folder === null) return context.skip("a file system cannot be mounted here");
    const send = (method: string, query: string, body: Buffer | string = ""): ReturnType<typeof sendRaw> =>
      sendRaw({ port, method, resource: `/outputs/m?${query}`, body });
    await sendRaw({ port, method: "DELETE", resource: "/outputs/k" });
    const uploadId = /<UploadId>(\w+)</.exec((await send("POST", "uploads")).text)?.[1] ?? "";
    const ref = `uploadId=${uploadId}`;
    assert.equal((await send("PUT", `partNumber=1&${ref}`, Buffer.alloc(5 * mebibyte, 1))).status, 200);
    assert.equal((await send("PUT", `partNumber=2&${ref}`, Buffer.alloc(5 * mebibyte, 2))).status, 507);
    const part = await send("PUT", `partNumber=2&${ref}`, Buffer.alloc(mebibyte, 2));
    assert.equal(part.status, 200);
    const listed = (await send("GET", ref)).text;
    const etags = [...listed.matchAll(/<ETag>(.*?)<\/ETag>/g)].map(([, etag]) => etag);
    const parts = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const done = await send(
      "POST",
      ref,
      `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`,
    );
    assert.equal(done.status, 200, done.text);
    assert.equal((await lstat(join(folder, "outputs/job1/m"))).size, 6 * mebibyte);
  });
});
