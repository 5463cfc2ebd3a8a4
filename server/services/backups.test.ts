import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { startExternalBucket } from "../adapters/storage/s3/external-bucket-test-kit.ts";
import { statePaths } from "../config/state-paths.ts";
import { inspectSqlite } from "../db/sqlite-copy.ts";
import { restoreOffline } from "../restore-offline.ts";
import { startServerProcess } from "../testing/server-process.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { underWriteLoad } from "../testing/write-load.ts";
import { eventually } from "../testing/trainer-scripts.ts";

/** How often a backup is taken under load; the figure to prove it with is 50. */
const rounds = Number(process.env["BACKUP_ROUNDS"] ?? 4);

describe("backups", () => {
  let server: TestServer;
  let dataloader: Record<string, unknown>[];
  let nowMs: number;

  const submit = async (name: string): Promise<string> => {
    const body = { name, config: { max_train_steps: 5 }, dataloader_config: dataloader };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  };
  const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal);
  const make = async (body: Record<string, unknown> = {}) => {
    nowMs += 1_000;
    return (await server.call("POST /api/backup", { body })).backup;
  };
  const verify = (backup_id: string) =>
    server.call("POST /api/backup/{backup_id}/verify", { params: { backup_id } });
  const restore = (backup_id: string, body: Record<string, unknown> = {}) =>
    server.call("POST /api/backup/{backup_id}/restore", { params: { backup_id }, body });
  const jobNames = async (): Promise<string[]> =>
    (await server.call("GET /api/cloud/jobs", { query: { limit: 500 } })).jobs.map(({ name }) => name).sort();
  const saveConfig = (name: string, steps: number) =>
    server.call("PUT /api/configs/{name}", {
      params: { name },
      body: { config: { max_train_steps: steps } },
    });

  beforeEach(async () => {
    nowMs = Date.parse("2026-05-01T02:30:00Z");
    server = await startTestServer({ script: "exit 0", now: () => nowMs });
    ({ dataloader } = await makeDataset(server.folder));
  });
  afterEach(() => server.close());

  it("are refused in words that lead out where their folder cannot be used, and made once it can", async () => {
    const { backups } = statePaths(server.stateDir);
    await rm(backups, { recursive: true, force: true });
    await writeFile(backups, "in the way");
    const refused = (code: string) => (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, code);
      assert.match(error.message, /backups cannot be used.* a file stands in its way/);
      assert.match(error.message, /choose another (place )?with SIMPLETUNER_BACKUP_DIR/);
      return true;
    };
    await assert.rejects(make(), refused("backup_failed"));
    await assert.rejects(server.call("GET /api/backup"), refused("folder_unusable"));
    await rm(backups);
    assert.equal((await verify((await make()).id)).valid, true);
  });

  it("are complete, listed and sound, and put everything back, with what was replaced kept", async () => {
    const before = await submit("before");
    await ended(before);
    await saveConfig("kept", 10);
    await server.call("PUT /api/configs/dataloaders/{name}", {
      params: { name: "lists" },
      body: { datasets: [{ id: "a", type: "local", instance_data_dir: "/a" }] },
    });
    const made = await make({ name: "first-one", description: "before the change" });
    assert.equal(made.id, "20260501_023001_first-one");
    const { backups, total, total_size_bytes, backup_dir } = await server.call("GET /api/backup", {
      query: {},
    });
    assert.deepEqual([backups.map(({ id }) => id), total, total_size_bytes], [[made.id], 1, made.size_bytes]);
    assert.deepEqual((await readdir(join(backup_dir, made.id))).sort(), [
      "configs.zip",
      "jobs.db.gz",
      "manifest.json",
      "outputs.jsonl.gz",
    ]);
    assert.deepEqual(await verify(made.id), { valid: true, problems: [], outputs_missing: 0 });
    const { manifest } = await server.call("GET /api/backup/{backup_id}", { params: { backup_id: made.id } });
    assert.equal(manifest.rows["jobs"], 1);

    await ended(await submit("after"));
    await saveConfig("kept", 99);
    await saveConfig("new", 1);
    const lastEvent = (
      await server.call("GET /api/cloud/jobs/{job_id}/events", { params: { job_id: before }, query: {} })
    ).events.at(-1)?.id;
    const dry = await restore(made.id, { dry_run: true });
    assert.deepEqual([dry.restart_required, dry.restored_components], [false, ["database", "configs"]]);
    await server.restart();
    assert.deepEqual(await jobNames(), ["after", "before"]);

    assert.equal((await restore(made.id)).restart_required, true);
    assert.equal((await server.call("GET /api/backup", { query: {} })).pending_restore, made.id);
    await server.restart();
    assert.deepEqual(await jobNames(), ["before"]);
    const { configs } = await server.call("GET /api/configs");
    assert.deepEqual(
      configs.map(({ name, max_train_steps }) => [name, max_train_steps]).filter(([name]) => name !== "demo"),
      [["kept", 10]],
    );
    assert.equal((await server.call("GET /api/configs/dataloaders")).dataloaders.length, 1);
    const cloud = join(server.stateDir, "config", "cloud");
    const kept = (await readdir(cloud)).find((name) => name.startsWith("replaced-")) ?? "";
    assert.deepEqual((await readdir(join(cloud, kept))).includes("jobs.db"), true);
    assert.match(await readFile(join(cloud, kept, "configs", "kept", "config.json"), "utf8"), /99/);
    // Whoever follows events by their number must not take new ones for old.
    const again = await submit("again");
    const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", {
      params: { job_id: again },
      query: {},
    });
    assert.ok((events[0]?.id ?? 0) > (lastEvent ?? Number.POSITIVE_INFINITY));
    assert.equal((await server.call("GET /api/backup", { query: {} })).pending_restore, null);
  });

  it("do not let a job run twice that may have run since", async () => {
    await server.close();
    const gate = 'while [ ! -e "$GATE" ]; do sleep 0.05; done';
    server = await startTestServer({ script: gate, now: () => nowMs, env: { GATE: "/nonexistent/gate" } });
    ({ dataloader } = await makeDataset(server.folder));
    const running = await submit("running");
    await waitForJob(server.call, running, ({ status }) => status === "running");
    const waiting = await submit("waiting");
    const made = await make();
    for (const job_id of [running, waiting])
      await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
    await ended(running);
    await restore(made.id);
    await server.restart();
    const one = await ended(waiting);
    assert.deepEqual([one.status, one.error_code, one.attempt], ["cancelled", "job_restored", 0]);
    const two = await ended(running);
    assert.deepEqual([two.status, two.error_code, two.attempt], ["failed", "run_lost", 1]);
  });

  it(`restore to a consistent state whatever is written meanwhile, ${rounds} times`, async () => {
    let [written, meanwhile] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const load = await underWriteLoad((writer) => submit(`w${writer}-${round}`), make);
      const made = load.answer;
      const atLeast = written + load.before;
      written += load.before + load.meanwhile;
      meanwhile += load.meanwhile;
      const { manifest } = await server.call("GET /api/backup/{backup_id}", {
        params: { backup_id: made.id },
      });
      assert.deepEqual((await verify(made.id)).problems, []);
      // Put in place as a person would after losing the machine: in a state directory that holds nothing yet.
      const stateDir = join(server.folder, "restored");
      const place = { stateDir, backupFolder: join(made.path, ".."), env: server.env };
      await restoreOffline(place, made.id, { dryRun: false, atMs: nowMs });
      const path = statePaths(stateDir).database;
      const db = new DatabaseSync(path);
      assert.equal(db.prepare("pragma integrity_check").get()?.["integrity_check"], "ok");
      const count = (sql: string): number => Number(db.prepare(sql).get()?.["n"]);
      const jobs = count("select count(*) as n from jobs");
      assert.ok(jobs >= atLeast, `${jobs} of ${atLeast} jobs`);
      // What is written in one transaction is there together or not at all.
      assert.equal(count("select coalesce(sum(jobs), 0) as n from job_counts"), jobs);
      assert.equal(count("select count(*) as n from job_snapshots"), jobs);
      assert.equal(count("select count(*) as n from job_events where type = 'job.created'"), jobs);
      assert.equal(
        count("select max(id) as n from job_events"),
        count("select value as n from counters where name = 'event'"),
      );
      assert.equal(manifest.rows["jobs"], jobs);
      db.close();
      await rm(stateDir, { recursive: true });
    }
    assert.ok(meanwhile > rounds, `${meanwhile} jobs were written meanwhile`);
  });

  it("that are damaged, of a newer release or unknown are told so and restore nothing", async () => {
    await ended(await submit("one"));
    const whole = await make();
    const root = join(server.stateDir, "backups");
    const spoiled = async (id: string, spoil: (folder: string) => Promise<unknown>): Promise<string> => {
      await cp(whole.path, join(root, id), { recursive: true });
      const path = join(root, id, "manifest.json");
      await writeFile(path, (await readFile(path, "utf8")).replaceAll(whole.id, id));
      await spoil(join(root, id));
      return id;
    };
    const flipped = await spoiled("20260101_000000", async (folder) => {
      const bytes = await readFile(join(folder, "jobs.db.gz"));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(join(folder, "jobs.db.gz"), bytes);
    });
    const longer = await spoiled("20260101_000001", (folder) => appendFile(join(folder, "configs.zip"), "x"));
    const missing = await spoiled("20260101_000002", (folder) => rm(join(folder, "jobs.db.gz")));
    const newer = await spoiled("20260101_000003", async (folder) => {
      const path = join(folder, "manifest.json");
      await writeFile(
        path,
        (await readFile(path, "utf8")).replace('"001-foundation"', '"001-foundation", "999-later"'),
      );
    });
    const unreadable = await spoiled("20260101_000004", (folder) =>
      writeFile(join(folder, "manifest.json"), "{"),
    );
    assert.match((await verify(flipped)).problems.join(), /jobs\.db\.gz has changed/);
    assert.match((await verify(longer)).problems.join(), /configs\.zip has \d+ bytes instead/);
    assert.match((await verify(missing)).problems.join(), /jobs\.db\.gz is missing/);
    for (const id of [flipped, longer, missing])
      await assert.rejects(restore(id), { code: "backup_damaged" });
    await assert.rejects(restore(newer), { code: "backup_newer" });
    await assert.rejects(restore(unreadable), { code: "backup_damaged" });
    await assert.rejects(restore("20260101_999999"), { code: "backup_not_found" });
    assert.equal((await server.call("GET /api/backup", { query: {} })).pending_restore, null);
    await server.restart();
    assert.deepEqual(await jobNames(), ["one"]);
  });

  it("are one at a time, leave nothing of one that a crash cut off, and need the right", async () => {
    const both = await Promise.allSettled([make(), make()]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const root = join(server.stateDir, "backups");
    await mkdir(join(root, "20250101_000000.partial"));
    const made = await make();
    assert.ok(!(await readdir(root)).some((name) => name.endsWith(".partial")));
    await assert.rejects(server.as("ada")("GET /api/backup", { query: {} }), { code: "permission_denied" });
    await server.call("DELETE /api/backup/{backup_id}", { params: { backup_id: made.id } });
    await assert.rejects(verify(made.id), { code: "backup_not_found" });
  });

  it("tell which outputs on their list are gone, and give a staged restore up when asked", async () => {
    const key = "some-job/model.safetensors";
    const outputs = join(server.stateDir, "cloud_outputs", "outputs", "some-job");
    await mkdir(outputs, { recursive: true });
    await writeFile(join(outputs, "model.safetensors"), "weights");
    const made = await make();
    const { manifest } = await server.call("GET /api/backup/{backup_id}", { params: { backup_id: made.id } });
    assert.deepEqual(manifest.outputs, { objects: 1, size_bytes: 7 }, key);
    await rm(join(outputs, "model.safetensors"));
    assert.equal((await verify(made.id)).outputs_missing, 1);
    await ended(await submit("later"));
    await restore(made.id);
    await server.call("DELETE /api/backup/restore");
    await server.restart();
    assert.deepEqual(await jobNames(), ["later"]);
  });
});

describe("the operations guide's backup script", () => {
  const sqlite3 = process.env["TEST_SQLITE3"] ?? "sqlite3";
  const script = `
    BACKUP_DIR="$BACKUPS"
    RETENTION_DAYS=30
    DB_PATH="$HOME/.simpletuner/config/cloud/jobs.db"
    mkdir -p "$BACKUP_DIR"
    TIMESTAMP=$(date +%Y%m%d_%H%M%S)
    BACKUP_FILE="$BACKUP_DIR/jobs_backup_$TIMESTAMP.db"
    "$SQLITE3" "$DB_PATH" ".backup '$BACKUP_FILE'"
    gzip "$BACKUP_FILE"
    find "$BACKUP_DIR" -name "jobs_backup_*.db.gz" -mtime +$RETENTION_DAYS -delete
    echo "Backup created: \${BACKUP_FILE}.gz"`;

  it(
    "works as it is written, while the server runs",
    { skip: sqlite3 === "" && "sqlite3 was not found" },
    async () => {
      const home = await mkdtemp(join(tmpdir(), "script test "));
      const server = await startServerProcess({ HOME: home, SIMPLETUNER_STATE_DIR: undefined });
      try {
        await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "deny" } });
        const backups = join(home, "backups");
        const env = { ...process.env, HOME: home, BACKUPS: backups, SQLITE3: sqlite3 };
        const { stdout } = await promisify(execFile)("sh", ["-ec", script], { env });
        const path = stdout.trim().replace("Backup created: ", "");
        const copy = join(home, "copy.db");
        await writeFile(copy, gunzipSync(await readFile(path)));
        const { damage, rows } = inspectSqlite(copy);
        assert.deepEqual([damage, rows["settings"]], [null, 1]);
      } finally {
        await server.kill();
        await rm(home, { recursive: true, force: true });
      }
    },
  );
});

describe("copies of backups in an external bucket", () => {
  it("are whole when their manifest is there, and go with their backup", async () => {
    const bucket = await startExternalBucket();
    const { endpoint, credentials } = bucket.options;
    const server = await startTestServer({
      env: {
        SIMPLETUNER_BACKUP_URL: `s3://external/safe?endpoint=${endpoint}`,
        SIMPLETUNER_BACKUP_ACCESS_KEY_ID: credentials?.accessKeyId,
        SIMPLETUNER_BACKUP_SECRET_ACCESS_KEY: credentials?.secretAccessKey,
      },
    });
    try {
      const { backup } = await server.call("POST /api/backup", { body: {} });
      assert.equal(backup.copied_to, `s3://external/safe/${backup.id}`);
      const storage = bucket.open({ prefix: "safe" });
      const keys = (await storage.listObjects({ bucket: "backups", maxKeys: 100 })).objects.map(
        ({ key }) => key,
      );
      assert.deepEqual(
        keys,
        ["configs.zip", "jobs.db.gz", "manifest.json", "outputs.jsonl.gz"].map(
          (file) => `${backup.id}/${file}`,
        ),
      );
      const sizes = await Promise.all(
        keys.map(async (key) => (await storage.headObject("backups", key))?.sizeBytes),
      );
      const local = await Promise.all(
        keys.map(async (key) => (await stat(join(server.stateDir, "backups", key))).size),
      );
      assert.deepEqual(sizes, local);
      await server.call("DELETE /api/backup/{backup_id}", { params: { backup_id: backup.id } });
      assert.equal((await storage.listObjects({ bucket: "backups", maxKeys: 10 })).objects.length, 0);
      bucket.trouble.current = (_, response) => (response.writeHead(503).end(), "handled");
      await assert.rejects(server.call("POST /api/backup", { body: {} }));
      const { backups } = await eventually("the backup that stays here", async () => {
        const answer = await server.call("GET /api/backup", { query: {} });
        return answer.backups.length === 1 ? answer : null;
      });
      assert.equal(backups[0]?.copied_to, null);
    } finally {
      await server.close();
      await bucket.close();
    }
  });
});
