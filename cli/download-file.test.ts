import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { downloadFile, type FileDownload } from "./download-file.ts";
import { progressText } from "./download-view.ts";
import { connectTo } from "./server-address.ts";
import { ran } from "./testing/captured-io.ts";
import { type Asked, fakeJob, type FakeServer, fakeServer } from "./testing/fake-server.ts";
import type { ServerResponse } from "node:http";

const content = randomBytes(300_000);
const etag = createHash("md5").update(content).digest("hex");
const jobId = fakeJob().job_id;

function artifact(key: string, changes: object = {}) {
  return {
    key,
    kind: key.endsWith(".safetensors") ? "model" : "other",
    size_bytes: content.length,
    etag,
    last_modified: "2026-01-31T10:20:30.123Z",
    step: null,
    url: `/files/${encodeURIComponent(key)}`,
    path: null,
    ...changes,
  };
}

describe("fetching files of a job", () => {
  let server: FakeServer;
  let folder: string;
  let listed: object[];
  let ranges: (string | undefined)[];
  /** Bytes each connection sends before it is cut; the last entry stays. */
  let cuts: number[];

  const send = ({ headers }: Asked, response: ServerResponse): undefined => {
    ranges.push(headers.range);
    const cut = (cuts.length > 1 ? cuts.shift() : cuts[0]) ?? Infinity;
    if (headers["if-match"] !== `"${etag}"`) return void response.writeHead(412).end();
    const start = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    const rest = content.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { "content-length": rest.length, etag: `"${etag}"` });
    if (rest.length <= cut) return void response.end(rest);
    response.write(rest.subarray(0, cut));
    void partHolds(start + cut).then(() => response.socket?.end());
    return undefined;
  };
  /** What a client has not taken yet when its connection is cut is lost to it, so the cut waits for it. */
  const partHolds = async (bytes: number): Promise<void> => {
    for (let look = 0; look < 500; look++) {
      const [name] = await readdir(folder);
      if (name !== undefined && (await stat(join(folder, name))).size >= bytes) return;
      await delay(10);
    }
  };
  const download = (changes: Partial<FileDownload> = {}) =>
    downloadFile({
      server: connectTo(server.url, { env: {}, interrupted: new AbortController().signal }),
      artifact: artifact("model.safetensors"),
      path: join(folder, "model.safetensors"),
      replace: false,
      interrupted: new AbortController().signal,
      onBytes: () => undefined,
      retryMs: 1,
      ...changes,
    });
  const target = () => readFile(join(folder, "model.safetensors"));

  before(async () => {
    server = await fakeServer({
      "GET /files/*": (asked, response) => send(asked, response),
      "GET /api/cloud/jobs/*": () => ({ job: fakeJob({ status: "completed" }) }),
      "GET /api/cloud/jobs/*/artifacts": () => ({ artifacts: listed, total_bytes: 1, next: null }),
    });
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(async (context) => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner download "));
    ranges = [];
    cuts = [];
    listed = [artifact("model.safetensors"), artifact("logs/train.log")];
    if ("after" in context) context.after(() => rm(folder, { recursive: true, force: true }));
  });

  test("a connection that breaks off again and again: continued each time, whole at the end, nothing beside it", async () => {
    cuts = [100_000, 50_000, Infinity];
    assert.equal(await download(), "fetched");
    assert.ok((await target()).equals(content));
    assert.equal(ranges.length, 3);
    assert.deepEqual(
      [ranges[0], ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range ?? ""))],
      [undefined, true],
    );
    assert.deepEqual(await readdir(folder), ["model.safetensors"]);
  });

  test("a server that sends nothing more: given up with the way on, the part is kept and continued later", async () => {
    cuts = [120_000, 0];
    await assert.rejects(download(), /broke off at .* of 300 kB.*Run the command again to continue/);
    const [part] = await readdir(folder);
    assert.match(part ?? "", /^\.model\.safetensors\.[0-9a-f]{12}\.part$/);
    ranges = [];
    cuts = [Infinity];
    assert.equal(await download(), "fetched");
    assert.match(ranges[0] ?? "", /^bytes=[1-9]\d*-$/);
    assert.ok((await target()).equals(content));
  });

  test("a part whose bytes were damaged on the disk is found out and not taken for the file", async () => {
    cuts = [100_000, 0];
    await assert.rejects(download());
    const [part = ""] = await readdir(folder);
    const bytes = await readFile(join(folder, part));
    bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
    await writeFile(join(folder, part), bytes);
    cuts = [Infinity];
    await assert.rejects(download(), /arrived damaged/);
    assert.equal(await download(), "fetched");
    assert.ok((await target()).equals(content));
  });

  test("another version on the server is never mixed with the part of the old one", async () => {
    cuts = [100_000, 0];
    await assert.rejects(download());
    await assert.rejects(
      download({ artifact: artifact("model.safetensors", { etag: "0".repeat(32) }) }),
      /changed or deleted on the server/,
    );
    assert.equal(ranges.at(-1), undefined);
  });

  test("a longer answer than announced is refused", async () => {
    const short = artifact("model.safetensors", { size_bytes: 10 });
    await assert.rejects(download({ artifact: short }), /longer than the server said/);
  });

  test("a server that stalls is taken for broken", async () => {
    const stalling = await fakeServer({
      "GET /files/*": (_, response) =>
        void response.writeHead(200, { "content-length": content.length }).flushHeaders(),
    });
    try {
      const connection = connectTo(stalling.url, { env: {}, interrupted: new AbortController().signal });
      await assert.rejects(download({ server: connection, stallMs: 20 }), /nothing arrived any more/);
      assert.equal(stalling.asked.length, 5);
    } finally {
      await stalling[Symbol.asyncDispose]();
    }
  });

  test("Ctrl-C ends it at once and keeps the part", async () => {
    cuts = [100_000, 0];
    const interrupt = new AbortController();
    const onBytes = (bytes: number): void => {
      if (bytes > 0) interrupt.abort("SIGINT");
    };
    await assert.rejects(download({ interrupted: interrupt.signal, onBytes }));
    assert.match((await readdir(folder))[0] ?? "", /\.part$/);
  });

  test("a file that is there already is not fetched; another one is kept unless --force", async () => {
    await writeFile(join(folder, "model.safetensors"), content);
    assert.equal(await download(), "already here");
    await writeFile(join(folder, "model.safetensors"), "mine");
    await assert.rejects(download(), /exists and is another file.*--force/);
    assert.equal((await target()).toString(), "mine");
    assert.equal(await download({ replace: true }), "fetched");
    assert.ok((await target()).equals(content));
    await rm(join(folder, "model.safetensors"));
    await mkdir(join(folder, "model.safetensors"));
    await assert.rejects(download({ replace: true }), /not a file/);
  });

  test("jobs download: one file, the model, a folder, all; exit codes and refusals", async () => {
    const run = (...args: string[]) => ran(server.url, ["jobs", "download", jobId, ...args], folder);
    for (const args of [[], ["model.safetensors", "--all"], ["--model", "--all"]]) {
      const { code, err } = await run(...args);
      assert.equal(code, 2, err);
    }
    const one = await run("logs/train.log");
    assert.equal(one.code, 0, one.err);
    assert.equal(one.out, `${join(folder, "train.log")} (300 kB)\n`);
    assert.equal((await run("--model", "--to", "models")).code, 0);
    assert.ok((await readFile(join(folder, "models", "model.safetensors"))).equals(content));
    const all = await run("--all");
    assert.equal(all.code, 0, all.err);
    assert.match(all.out, /2 files, 600 kB\.\n$/);
    assert.ok((await readFile(join(folder, jobId, "logs", "train.log"))).equals(content));
    assert.match((await run("--all")).out, /was already here/);
    assert.equal((await run("logs/", "--to", "l")).code, 0);
    assert.deepEqual(await readdir(join(folder, "l")), ["logs"]);
    const missing = await run("nope.bin");
    assert.deepEqual([missing.code, /no file nope\.bin.*jobs artifacts/.test(missing.err)], [1, true]);
  });

  test("jobs download: one file that fails does not keep the others, and the exit code tells", async () => {
    listed = [artifact("changed.bin", { etag: "0".repeat(32) }), artifact("good.bin")];
    const { code, out, err } = await ran(server.url, ["jobs", "download", jobId, "--all"], folder);
    assert.equal(code, 1);
    assert.match(err, /changed\.bin was changed.*\n.*1 file of 2 could not be fetched/);
    assert.match(out, /good\.bin/);
  });

  for (const key of ["../evil", "a/../../evil", "/etc/evil", "a//b", ".", "a\0b"]) {
    test(`jobs download: a key that leads elsewhere is refused: ${JSON.stringify(key)}`, async () => {
      listed = [artifact(key)];
      const { code, err } = await ran(server.url, ["jobs", "download", jobId, "--all"], folder);
      assert.equal(code, 1);
      assert.match(err, /no safe path/);
      assert.deepEqual(await readdir(folder), []);
    });
  }

  test("jobs artifacts: a table, JSON, and nothing", async () => {
    const table = await ran(server.url, ["jobs", "artifacts", jobId]);
    assert.match(table.out, /KEY +KIND +STEP +SIZE +SAVED\nmodel\.safetensors +model +300 kB/);
    const json = await ran(server.url, ["jobs", "artifacts", jobId, "--format", "json"]);
    assert.deepEqual(JSON.parse(json.out), listed);
    listed = [];
    assert.match((await ran(server.url, ["jobs", "artifacts", jobId])).out, /delivered no files/);
  });
});

test("progress in one line", () => {
  assert.equal(
    progressText("a.bin", 500, 1_000, 100),
    "████████████░░░░░░░░░░░░  500 B of 1.0 kB  100 B/s  5 s left  a.bin".replace("░  500", "░ 500"),
  );
  assert.match(progressText("empty", 0, 0, 0), /^█{24} 0 B of 0 B {2}0 B\/s {2}empty$/);
});
