import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { StartError } from "./config/values.ts";
import { waitForJob } from "./testing/test-server.ts";
import { runServer, startServerProcess } from "./testing/server-process.ts";
import { startQuietly } from "./testing/test-log.ts";

let folder: string;
let number = 0;
const isRoot = process.getuid?.() === 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "start test "));
});
after(() => rm(folder, { recursive: true, force: true }));

/** A fresh state directory's path. */
const freshState = () => join(folder, `state ${number++}`);
const env = { ...process.env, SIMPLETUNER_LOG_LEVEL: "error" };

/** The one sentence a start is refused with. */
async function refusal(start: () => Promise<unknown>): Promise<string> {
  const error = await start().then(
    () => assert.fail("the server started"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StartError, String((error as Error).stack));
  assert.ok(!error.message.includes("\n"), error.message);
  return error.message;
}

/** Name and hash of every file below a folder. */
async function fingerprint(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.sort().map(
      async (file) =>
        `${file} ${createHash("sha256")
          .update(await readFile(file))
          .digest("hex")}`,
    ),
  );
}

const wrongSettings: [name: string, value: string, hint: RegExp][] = [
  ["SIMPLETUNER_PORT", "80a", /whole number from 0 to 65535/],
  ["SIMPLETUNER_PORT", "70000", /whole number/],
  ["SIMPLETUNER_PORT", "-1", /whole number/],
  ["SIMPLETUNER_LOG_LEVEL", "loud", /debug, info, warn, error/],
  ["SIMPLETUNER_LOG_FORMAT", "xml", /json, text/],
  ["SIMPLETUNER_PUBLIC_URL", "ftp://x", /http or https/],
  ["SIMPLETUNER_PUBLIC_URL", "not a url", /http or https/],
  ["SIMPLETUNER_MAX_EVENT_STREAMS", "0", /whole number/],
  ["SIMPLETUNER_CANCEL_GRACE_SECONDS", "soon", /whole number/],
];
for (const [name, value, hint] of wrongSettings) {
  test(`${name}=${value} is refused by its name`, async () => {
    const stateDir = freshState();
    const message = await refusal(() => startQuietly({ stateDir, env: { ...env, [name]: value } }));
    assert.ok(message.startsWith(name), message);
    assert.match(message, hint);
    await assert.rejects(readdir(stateDir), /ENOENT/);
  });
}

test("SIMPLETUNER_CREDENTIAL_KEY that is no key is refused without showing it", async () => {
  const wrong = { ...env, SIMPLETUNER_CREDENTIAL_KEY: "hunter2" };
  const message = await refusal(() => startQuietly({ stateDir: freshState(), port: 0, env: wrong }));
  assert.match(message, /SIMPLETUNER_CREDENTIAL_KEY: the key must be 32 bytes/);
  assert.ok(!message.includes("hunter2"));
});

test("a port that is taken: one sentence, exit code 1, and the state directory is free again", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const stateDir = freshState();
  const ended = await runServer({ SIMPLETUNER_STATE_DIR: stateDir, SIMPLETUNER_PORT: String(port) });
  assert.equal(ended.code, 1);
  assert.match(
    ended.stderr,
    new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is already in use\\. .*--port.*\\n$`),
  );
  other.close();
  const server = await startQuietly({ stateDir, port: 0, env });
  await server.close();
});

test("a host that is not this machine's is told as such", async () => {
  const message = await refusal(() =>
    startQuietly({ stateDir: freshState(), host: "192.0.2.1", port: 0, env }),
  );
  assert.match(message, /192\.0\.2\.1 is not an address of this machine/);
});

test("a second server on the same state is refused with the first one's process; a dead one's lock is taken", async () => {
  const stateDir = freshState();
  const first = await startServerProcess({ SIMPLETUNER_STATE_DIR: stateDir });
  const message = await refusal(() => startQuietly({ stateDir, port: 0, env }));
  assert.match(message, /^Another server \(process \d+\) already uses /);
  assert.equal((await fetch(`${first.url}/health`)).status, 200);
  await first.kill();
  const second = await startQuietly({ stateDir, port: 0, env });
  await second.close();
  await writeFile(join(stateDir, "cloud", "server.lock.db"), "something else ".repeat(100));
  assert.match(await refusal(() => startQuietly({ stateDir, port: 0, env })), /Remove it and start again/);
});

test("a database that is no database: one sentence, nothing touched", async () => {
  for (const content of [
    Buffer.from("this is a text file, not a database. ".repeat(200)),
    Buffer.alloc(8_192, 7),
  ]) {
    const stateDir = freshState();
    const config = join(stateDir, "config", "cloud");
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "jobs.db"), content);
    const before_ = await fingerprint(config);
    const message = await refusal(() => startQuietly({ stateDir, port: 0, env }));
    assert.match(message, /^The database .*jobs\.db is damaged .*Restore a backup/);
    assert.deepEqual(await fingerprint(config), before_);
  }
});

test("a database damaged in the middle, with a log beside it: one sentence, nothing touched", async () => {
  const stateDir = freshState();
  const server = await startServerProcess({ SIMPLETUNER_STATE_DIR: stateDir });
  const config = join(stateDir, "config", "cloud");
  for (let version = 0; version < 20; version++)
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  const database = new DatabaseSync(join(config, "jobs.db"));
  database.exec("create table filler (x text)");
  database.exec(
    "with recursive n(i) as (select 1 union all select i+1 from n where i<3000) insert into filler select hex(randomblob(100)) from n",
  );
  database.exec("pragma wal_checkpoint(passive)");
  await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "ask" } });
  await server.kill();
  // A copy, as a crash leaves it: closing the handle above would tidy up.
  const copied = freshState();
  await mkdir(join(copied, "config", "cloud"), { recursive: true });
  for (const name of ["jobs.db", "jobs.db-wal"]) {
    const bytes = await readFile(join(config, name));
    if (name === "jobs.db") bytes.fill(0xaa, 4_096 * 40, 4_096 * 60);
    await writeFile(join(copied, "config", "cloud", name), bytes);
  }
  database.close();
  const main = join(copied, "config", "cloud", "jobs.db");
  const before_ = await Promise.all([readFile(main), readFile(`${main}-wal`)]);
  const message = await refusal(() => startQuietly({ stateDir: copied, port: 0, env }));
  assert.match(message, /is damaged/);
  assert.ok(before_[0].equals(await readFile(main)), "the database was changed");
  assert.ok(before_[1].equals(await readFile(`${main}-wal`)), "its log was changed");
});

test("a database of a newer release is left alone", async () => {
  const stateDir = freshState();
  const server = await startQuietly({ stateDir, port: 0, env });
  await server.close();
  const database = new DatabaseSync(join(stateDir, "config", "cloud", "jobs.db"));
  database.exec("insert into schema_migrations (name, applied_at) values ('999-future', 0)");
  database.close();
  assert.match(await refusal(() => startQuietly({ stateDir, port: 0, env })), /newer release.*999-future/);
});

test(
  "a state directory that cannot be written",
  { skip: isRoot && "root may write everywhere" },
  async () => {
    const parent = join(folder, "locked");
    await mkdir(parent);
    await chmod(parent, 0o500);
    const message = await refusal(() => startQuietly({ stateDir: join(parent, "state"), port: 0, env }));
    assert.match(message, /cannot be written \(EACCES\)/);
  },
);

test("a request under way when the server stops is answered before the database closes", async () => {
  const server = await startQuietly({ stateDir: freshState(), port: 0, env });
  const body = JSON.stringify({ max_concurrent: 3 });
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket
    .setEncoding("utf8")
    .write(
      `POST /api/queue/concurrency HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
    );
  // The server asks for the body: it has taken the request.
  const [continued] = (await once(socket, "data")) as [string];
  assert.match(continued, /^HTTP\/1.1 100/);
  const closed = server.close();
  socket.write(body);
  let answer = "";
  for await (const piece of socket) answer += piece as string;
  await closed;
  assert.match(answer, /^HTTP\/1.1 200 OK/);
  assert.match(answer, /"max_concurrent":3/);
});

test("a state directory below a file", async () => {
  await writeFile(join(folder, "a file"), "");
  const message = await refusal(() =>
    startQuietly({ stateDir: join(folder, "a file", "state"), port: 0, env }),
  );
  assert.match(message, /cannot be written \(ENOTDIR\).*SIMPLETUNER_STATE_DIR/);
});

test("a full disk: starting, submitting and packing say so, and nothing that was there is lost", async (context) => {
  const disk = join(folder, "small disk");
  await mkdir(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], { stdio: "ignore" });
  } catch {
    return context.skip("mounting a small tmpfs needs root and mount rights");
  }
  const data = join(folder, "pictures");
  await mkdir(data);
  await writeFile(join(data, "large.jpg"), Buffer.alloc(6 << 20, 1));
  const state = { SIMPLETUNER_STATE_DIR: disk, SIMPLETUNER_TRAINER_COMMAND: "/bin/true" };
  let server = await startServerProcess(state);
  try {
    const { call } = server;
    await call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const body = {
      config: { max_train_steps: 1 },
      dataloader_config: [{ id: "d", instance_data_dir: data }],
    };
    const packed = await call("POST /api/cloud/jobs/submit", {
      body: { ...body, dataset_transfer: "package" },
    });
    const failed = await waitForJob(call, packed.job_id, ({ is_terminal }) => is_terminal);
    assert.deepEqual([failed.status, failed.error_code], ["failed", "disk_full"]);
    assert.match(failed.error_message ?? "", /disk .* is full .*Free some space/);
    assert.deepEqual(await readdir(join(disk, "cloud", "packages")), []);
    // Until the last byte is taken.
    await writeFile(join(disk, "filler"), Buffer.alloc(4 << 20)).catch(() => undefined);
    const response = await fetch(`${server.url}/api/cloud/jobs/submit`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...body,
        name: "x".repeat(100),
        config: { max_train_steps: 1, note: "y".repeat(300_000) },
      }),
    });
    const refused = (await response.json()) as { error: string; message: string };
    assert.deepEqual([response.status, refused.error], [507, "disk_full"]);
    assert.equal((await call("GET /api/cloud/jobs")).total, 1);
    const start = await runServer({ ...state, SIMPLETUNER_STATE_DIR: join(disk, "fresh") });
    assert.equal(start.code, 1, "a server started on a full disk");
    assert.match(start.stderr, /disk .* is full\. Free some space/);
    await server.kill();
    await rm(join(disk, "filler"));
    server = await startServerProcess(state);
    assert.equal((await server.call("GET /api/cloud/jobs")).total, 1);
  } finally {
    await server.kill();
    execFileSync("umount", [disk]);
  }
});
