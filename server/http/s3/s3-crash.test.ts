import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { sendRaw, signedHeaders } from "./s3-test-client.ts";
import { testPathPrefix } from "./s3-test-server.ts";

let root: string;
let child: ChildProcess | null = null;
let port = 0;

/** Starts the server as a process of its own on the same folder; resolves when it listens. */
async function start(): Promise<void> {
  const script = fileURLToPath(new URL("s3-test-child.ts", import.meta.url));
  const started = spawn(process.execPath, [script, root], { stdio: ["pipe", "pipe", "inherit"] });
  child = started;
  const [line] = await once(started.stdout, "data");
  port = Number(String(line));
}

async function killHard(): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), "s3-crash-"));
  await start();
});
after(async () => {
  await killHard();
  await rm(root, { recursive: true, force: true });
});

/** 3 MB that differ from version to version in every block. */
function content(version: number): Buffer {
  const block = createHash("sha512").update(`version ${version}`).digest();
  return Buffer.alloc(3_000_000, block);
}

/** Sends a PUT and kills the server when `killAfterBytes` were sent, or some milliseconds behind the last one. */
async function putAndKill(version: number, killAfterBytes: number, killDelayMs: number): Promise<void> {
  const body = content(version);
  const path = `${testPathPrefix}/outputs/k`;
  const raw = { port, method: "PUT", resource: "", headers: { "x-amz-meta-version": String(version) } };
  const headers = signedHeaders({ ...raw, payloadHash: "UNSIGNED-PAYLOAD" }, path, "", body);
  const outgoing = request({ host: "127.0.0.1", port, method: "PUT", path, headers, agent: false });
  const ended = new Promise<void>((resolve) => outgoing.on("close", resolve).on("error", () => resolve()));
  outgoing.on("response", (response) => response.resume());
  await new Promise<void>((resolve) => outgoing.write(body.subarray(0, killAfterBytes), () => resolve()));
  if (killAfterBytes === body.length) outgoing.end();
  await new Promise((resolve) => setTimeout(resolve, killDelayMs));
  await killHard();
  await ended;
}

async function storedVersion(): Promise<number> {
  const response = await sendRaw({ port, resource: "/outputs/k" });
  assert.equal(response.status, 200);
  const version = Number(response.headers["x-amz-meta-version"]);
  assert.ok(response.body.equals(content(version)), `version ${version} is whole`);
  assert.equal(response.headers.etag, `"${createHash("md5").update(response.body).digest("hex")}"`);
  return version;
}

describe("a server that is killed with -9", () => {
  it("during PUT leaves the old or the new object whole, and no leftovers", async () => {
    const put = { port, method: "PUT", resource: "/outputs/k", headers: { "x-amz-meta-version": "0" } };
    assert.equal((await sendRaw({ ...put, body: content(0) })).status, 200);
    let current = 0;
    const seen = new Set<string>();
    const moments: [killAfterBytes: number, killDelayMs: number][] = [
      [1, 5],
      [1_500_000, 5],
      ...[0, 3, 6, 10, 16].map((delayMs): [number, number] => [3_000_000, delayMs]),
    ];
    for (const [index, [bytes, delayMs]] of moments.entries()) {
      await putAndKill(index + 1, bytes, delayMs);
      await start();
      const version = await storedVersion();
      assert.ok(version === current || version === index + 1, `${version} after ${current}`);
      seen.add(version === current ? "old" : "new");
      current = version;
      assert.deepEqual(await readdir(join(root, ".s3/tmp")), []);
    }
    assert.ok(seen.has("old"));
  });

  it("during CompleteMultipartUpload leaves the old or the new object, and completing again works", async () => {
    for (const delayMs of [0, 2, 4, 7]) {
      await sendRaw({ port, method: "PUT", resource: "/outputs/m", body: "old" });
      const created = await sendRaw({ port, method: "POST", resource: "/outputs/m?uploads" });
      const uploadId = /<UploadId>(\w+)</.exec(created.text)?.[1] ?? "";
      const parts = [Buffer.alloc(5 << 20, delayMs + 1), Buffer.from(`end ${delayMs}`)];
      const tags: string[] = [];
      for (const [index, body] of parts.entries()) {
        const resource = `/outputs/m?partNumber=${index + 1}&uploadId=${uploadId}`;
        const { headers } = await sendRaw({ port, method: "PUT", resource, body });
        tags.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${headers.etag}</ETag></Part>`);
      }
      const body = `<CompleteMultipartUpload>${tags.join("")}</CompleteMultipartUpload>`;
      const complete = (): ReturnType<typeof sendRaw> =>
        sendRaw({ port, method: "POST", resource: `/outputs/m?uploadId=${uploadId}`, body });
      const first = complete().catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await killHard();
      await first;
      await start();
      const found = (await sendRaw({ port, resource: "/outputs/m" })).body;
      assert.ok(
        found.equals(Buffer.from("old")) || found.equals(Buffer.concat(parts)),
        `${found.length} bytes`,
      );
      assert.equal((await complete()).status, 200);
      assert.ok((await sendRaw({ port, resource: "/outputs/m" })).body.equals(Buffer.concat(parts)));
    }
  });
});
