import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FuzzWorld } from "./s3-fuzz-drafts.ts";
import { storedKeys } from "./s3-fuzz-drafts.ts";
import { type FuzzAnswer, FuzzConnection } from "./s3-fuzz-connection.ts";
import { amzDate, type FuzzKey, type HttpHead, hex, signHeader } from "./s3-fuzz-signing.ts";

const job: FuzzKey = { id: "job1-key", secret: "job1-secret" };
const otherJob: FuzzKey = { id: "job2-key", secret: "job2-secret" };
const owner: FuzzKey = { id: "owner-key", secret: "owner-secret" };

/** Stands in files that no answer may ever hold. */
export const secretMarker = "NOBODY-MAY-READ-THIS";

/** Open uploads to send parts to. */
const uploadCount = 24;

/** An endpoint in a process of its own, with objects, uploads, and things beside its folder that it must leave alone. */
export interface FuzzEndpoint extends AsyncDisposable {
  port: number;
  pathPrefix: string;
  world: FuzzWorld;
  /** What went wrong in the process so far, its end included. */
  failures: string[];
  /** Opens the upload anew that an answer ended, if the request was about one. */
  reopen(head: string, answer: FuzzAnswer): Promise<void>;
  /** Sends a right request. */
  send(method: string, target: string, body?: Buffer, key?: FuzzKey): Promise<FuzzAnswer>;
  /** A line for each file that must not change, and for each temporary file that is left. */
  untouchables(): Promise<string[]>;
  temporaryFiles(): Promise<string[]>;
}

/** Starts it in a folder of its own, which disposing removes. */
export async function startFuzzEndpoint(): Promise<FuzzEndpoint> {
  const parent = await mkdtemp(join(tmpdir(), "s3-fuzz-"));
  const root = join(parent, "root");
  await layOut(parent, root);
  const failures: string[] = [];
  const { child, port } = await startChild(root, failures);
  const pathPrefix = "/api/cloud/storage";
  const connection = new FuzzConnection(port);
  let last: Promise<unknown> = Promise.resolve();
  const send: FuzzEndpoint["send"] = (method, target, body = Buffer.alloc(0), key = job) => {
    const answer = last.then(() =>
      connection.exchange(rightRequest(port, method, pathPrefix + target, body, key)),
    );
    last = answer.catch(() => undefined);
    return answer;
  };
  const uploads = await prepare(send);
  return {
    port,
    pathPrefix,
    world: { job, owner, uploads },
    failures,
    send,
    async reopen(head, { status, body }) {
      const at = uploads.findIndex(({ uploadId }) => head.includes(uploadId));
      const isOver =
        status === 204 ||
        body.includes("<CompleteMultipartUploadResult") ||
        body.includes("<Code>NoSuchUpload");
      if (at >= 0 && isOver) uploads[at] = await openUpload(send, at);
    },
    async untouchables() {
      const outside = await filesIn(parent, root);
      return [...outside, ...(await filesIn(join(root, "outputs", "job2"), null))];
    },
    temporaryFiles: async () => readdir(join(root, ".s3", "tmp")),
    async [Symbol.asyncDispose]() {
      connection.close();
      failures.push = () => 0;
      child.stdin?.end();
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once("exit", resolve));
      await rm(parent, { recursive: true, force: true });
    },
  };
}

/** Files beside the root, and a link inside of it that leads out. */
async function layOut(parent: string, root: string): Promise<void> {
  await mkdir(join(root, "outputs", "job1"), { recursive: true });
  await mkdir(join(parent, "root-too"));
  await writeFile(join(parent, "outside.txt"), secretMarker);
  await writeFile(join(parent, "root-too", "outside.txt"), secretMarker);
  await symlink(parent, join(root, "outputs", "job1", "link"));
}

async function startChild(root: string, failures: string[]): Promise<{ child: ChildProcess; port: number }> {
  const script = join(import.meta.dirname, "s3-fuzz-test-child.ts");
  const child = spawn(process.execPath, [script, root], { stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
  child.once("exit", (code, signal) => failures.push(`the process ended with ${signal ?? code}: ${errors}`));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`The endpoint did not start: ${errors}`)));
    createInterface(child.stdout).on("line", (line) => {
      const said = JSON.parse(line) as { port?: number; failure?: string };
      if (said.port !== undefined) resolve(said.port);
      if (said.failure !== undefined) failures.push(said.failure);
    });
  });
  return { child, port };
}

function rightRequest(port: number, method: string, target: string, body: Buffer, key: FuzzKey) {
  const head: HttpHead = {
    method,
    target,
    headers: [
      ["Host", `127.0.0.1:${port}`],
      ["Content-Length", String(body.length)],
    ],
  };
  signHeader(head, key, amzDate(Date.now()), hex(body));
  const lines = head.headers.map(([name, value]) => `${name}: ${value}`);
  const bytes = Buffer.from([`${method} ${target} HTTP/1.1`, ...lines, "", ""].join("\r\n"), "latin1");
  return {
    head: bytes,
    body,
    isHead: method === "HEAD",
    isWhole: true,
    expectsContinue: false,
    cutAfterBytes: null,
  };
}

async function prepare(
  send: FuzzEndpoint["send"],
): Promise<{ key: string; uploadId: string; etag: string }[]> {
  const must = async (answer: Promise<FuzzAnswer>): Promise<void> => {
    const { status, body } = await answer;
    if (status !== 200) throw new Error(`The endpoint could not be prepared: ${status} ${body.toString()}`);
  };
  await must(send("PUT", "/own-bucket", undefined, owner));
  await must(send("PUT", "/outputs/secret", Buffer.from(secretMarker), otherJob));
  for (const key of storedKeys) await must(send("PUT", `/outputs/${key}`, Buffer.from(key.repeat(50))));
  const large = await openUpload(send, 0, "large", 5 * 1024 * 1024);
  await must(send("PUT", `/outputs/large?partNumber=2&uploadId=${large.uploadId}`, Buffer.from("end")));
  const parts = [large.etag, createHash("md5").update("end").digest("hex")].map(
    (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  const xml = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  await must(send("POST", `/outputs/large?uploadId=${large.uploadId}`, Buffer.from(xml)));
  const uploads = [];
  for (let at = 0; at < uploadCount; at++) uploads.push(await openUpload(send, at));
  return uploads;
}

async function openUpload(send: FuzzEndpoint["send"], at: number, key = `upload-${at}`, sizeBytes = 1_000) {
  const created = await send("POST", `/outputs/${key}?uploads`);
  const uploadId = /<UploadId>([^<]+)/.exec(created.body.toString())?.[1];
  if (uploadId === undefined) throw new Error(`No upload could be opened: ${created.body.toString()}`);
  const part = await send(
    "PUT",
    `/outputs/${key}?partNumber=1&uploadId=${uploadId}`,
    Buffer.alloc(sizeBytes, at),
  );
  const etag = /\r\netag: "([^"]+)"/i.exec(part.head)?.[1];
  if (etag === undefined) throw new Error(`No part could be sent: ${part.status} ${part.body.toString()}`);
  return { key, uploadId, etag };
}

/** Path and digest of every file below a folder, in order; `without` is left out. */
async function filesIn(folder: string, without: string | null): Promise<string[]> {
  const lines: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (path === without) continue;
    if (entry.isDirectory()) lines.push(`${path}/`, ...(await filesIn(path, without)));
    else lines.push(`${path} ${hex(entry.isSymbolicLink() ? await readlink(path) : await readFile(path))}`);
  }
  return lines;
}
