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

/** How often the server is killed at a random moment; `S3_KILLS=200` for the long run. */
const kills = Number(process.env.S3_KILLS ?? 24);

/** Bytes that tell their version, of any length. */
function versionBytes(version: number, length: number): Buffer {
  return Buffer.alloc(length, createHash("sha512").update(`random ${version}`).digest());
}

function md5(body: Buffer): string {
  return createHash("md5").update(body).digest("hex");
}

/** The status of the answer, or null when the kill came first. */
async function statusBeforeKill(sent: Promise<{ status: number }>, delayMs: number): Promise<number | null> {
  const answered = sent.then(
    ({ status }) => status,
    () => null,
  );
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await killHard();
  const status = await answered;
  await start();
  return status;
}

/** Kills during a PUT over an older object; what was answered must be there, everything must be whole. */
async function killDuringPut(version: number, old: Buffer | null, delayMs: number): Promise<Buffer | null> {
  const body = versionBytes(version, 1 + Math.floor(Math.random() * 6_000_000));
  const put = sendRaw({ port, method: "PUT", resource: "/outputs/random", body });
  const status = await statusBeforeKill(put, delayMs);
  const found = await sendRaw({ port, resource: "/outputs/random" });
  const isNew = found.status === 200 && found.body.equals(body);
  assert.ok(isNew || status === null, "what was answered is stored");
  if (isNew) return body;
  if (old === null) assert.equal(found.status, 404);
  else assert.ok(found.body.equals(old), `${found.body.length} bytes are neither old nor new`);
  return old;
}

/** Kills while the second part comes, then while the upload is completed; the outcome must be one of the two. */
async function killDuringUpload(version: number, delayMs: number, completeDelayMs: number): Promise<void> {
  const key = "/outputs/random-parts";
  const parts = [versionBytes(version, 5 << 20), versionBytes(version + 0.5, 2_000_000)];
  const old = (await sendRaw({ port, resource: key })).body;
  const created = await sendRaw({ port, method: "POST", resource: `${key}?uploads` });
  const uploadId = /<UploadId>(\w+)</.exec(created.text)?.[1] ?? "";
  const sendPart = (number: number): ReturnType<typeof sendRaw> => {
    const resource = `${key}?partNumber=${number}&uploadId=${uploadId}`;
    return sendRaw({ port, method: "PUT", resource, body: parts[number - 1] ?? "" });
  };
  assert.equal((await sendPart(1)).status, 200);
  const status = await statusBeforeKill(sendPart(2), delayMs);
  const listed = (await sendRaw({ port, resource: `${key}?uploadId=${uploadId}` })).text;
  assert.ok(listed.includes(md5(parts[0] ?? Buffer.of())), "the first part is there");
  const isListed = listed.includes(md5(parts[1] ?? Buffer.of()));
  assert.ok(isListed || status === null, "what was answered is listed");
  if (!isListed) assert.equal((await sendPart(2)).status, 200);
  const tags = parts.map(
    (part, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${md5(part)}</ETag></Part>`,
  );
  const body = `<CompleteMultipartUpload>${tags.join("")}</CompleteMultipartUpload>`;
  const complete = (): ReturnType<typeof sendRaw> =>
    sendRaw({ port, method: "POST", resource: `${key}?uploadId=${uploadId}`, body });
  const completed = await statusBeforeKill(complete(), completeDelayMs);
  const found = (await sendRaw({ port, resource: key })).body;
  const whole = Buffer.concat(parts);
  assert.ok(found.equals(whole) || (completed === null && found.equals(old)), `${found.length} bytes`);
  assert.equal((await complete()).status, 200);
  assert.ok((await sendRaw({ port, resource: key })).body.equals(whole));
  assert.deepEqual((await readdir(join(root, ".s3/mpu", uploadId))).sort(), ["complete.json", "upload.json"]);
}

describe("a server that is killed with -9", () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "s3-crash-"));
    await start();
  });
  after(async () => {
    await killHard();
    await rm(root, { recursive: true, force: true });
  });

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

  it(`at ${kills} random moments leaves every object whole, and no temporary file`, async (context) => {
    await sendRaw({ port, method: "PUT", resource: "/outputs/random-parts", body: "old" });
    let current: Buffer | null = null;
    const seen = { old: 0, new: 0 };
    for (let kill = 0; kill < kills;) {
      // The first tenth of a second is where everything happens.
      const delayMs = Math.random() ** 2 * 90;
      const earlier: Buffer | null = current;
      current = await killDuringPut(kill, current, delayMs);
      seen[current === earlier ? "old" : "new"]++;
      assert.deepEqual(await readdir(join(root, ".s3/tmp")), []);
      await killDuringUpload(kill, Math.random() ** 2 * 60, Math.random() ** 2 * 25);
      assert.deepEqual(await readdir(join(root, ".s3/tmp")), []);
      kill += 3;
    }
    context.diagnostic(`${seen.old} old and ${seen.new} new objects after a kill during PUT`);
    assert.ok(seen.old > 0, "some kills came in time");
  });
});
