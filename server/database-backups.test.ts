import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { sql } from "kysely";
import type { BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import { statePaths } from "./config/state-paths.ts";
import { verifyDatabase } from "./db/care/verify-database.ts";
import type { JobDatabase } from "./db/job-database.ts";
import { connectDatabase, openDatabase } from "./db/open-database.ts";
import { startServer } from "./main.ts";
import { restoreOffline } from "./restore-offline.ts";
import { databaseSkip, type FreshDatabase, freshDatabase } from "./testing/test-database.ts";
import { underWriteLoad } from "./testing/write-load.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "./testing/test-server.ts";

/** How often a backup is taken under load on each database; the figure to prove it with is 50. */
const rounds = Number(process.env["BACKUP_ROUNDS"] ?? 1);

/** What is written in one transaction is there together or not at all, and everything that has to agree agrees. */
async function refuseInconsistent(db: JobDatabase): Promise<number> {
  const count = async (query: ReturnType<typeof sql<{ n: number }>>): Promise<number> =>
    Number((await query.execute(db)).rows[0]?.n);
  const jobs = await count(sql`select count(*) as n from jobs`);
  assert.equal(await count(sql`select coalesce(sum(jobs), 0) as n from job_counts`), jobs);
  assert.equal(await count(sql`select count(*) as n from job_snapshots`), jobs);
  assert.equal(await count(sql`select count(*) as n from job_events where type = 'job.created'`), jobs);
  assert.equal(
    await count(sql`select max(id) as n from job_events`),
    await count(sql`select value as n from counters where name = 'event'`),
  );
  assert.deepEqual((await verifyDatabase(db, db.engine.kind)).problems, []);
  return jobs;
}

for (const kind of ["postgres", "mariadb"] as const)
  describe(`backups of a state in ${kind}`, { skip: databaseSkip(kind) }, () => {
    const another = kind === "postgres" ? "mariadb" : "postgres";
    let server: TestServer;
    let database: FreshDatabase;
    let nowMs: number;
    let dataloader: Record<string, unknown>[];

    const start = async (script: string): Promise<void> => {
      database = await freshDatabase(kind, "");
      server = await startTestServer({
        script,
        now: () => nowMs,
        database: { ...database, drop: async () => undefined },
      });
      ({ dataloader } = await makeDataset(server.folder));
    };
    const submit = async (name: string): Promise<string> => {
      const body = { name, config: { max_train_steps: 5 }, dataloader_config: dataloader };
      return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
    };
    const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal);
    const make = async (): Promise<BackupInfo> => {
      nowMs += 1_000;
      return (await server.call("POST /api/backup", { body: {} })).backup;
    };
    const restore = (backup_id: string) => {
      nowMs += 1_000;
      return server.call("POST /api/backup/{backup_id}/restore", { params: { backup_id }, body: {} });
    };
    const list = async (): Promise<BackupInfo[]> =>
      (await server.call("GET /api/backup", { query: {} })).backups;
    const jobNames = async (): Promise<string[]> =>
      (await server.call("GET /api/cloud/jobs", { query: {} })).jobs.map(({ name }) => name).sort();
    const configNames = async (): Promise<string[]> =>
      (await server.call("GET /api/configs")).configs
        .map(({ name }) => name)
        .filter((name) => name !== "demo");
    const saveConfig = (name: string) =>
      server.call("PUT /api/configs/{name}", { params: { name }, body: { config: { max_train_steps: 1 } } });
    /** Puts a backup into an empty state directory, with its database where `to` says. */
    const restoreElsewhere = (folder: string, id: string, to: FreshDatabase | null) => {
      const env = { ...server.env, SIMPLETUNER_DATABASE_URL: undefined, ...to?.env };
      const backupFolder = join(server.stateDir, "backups");
      const place = { stateDir: join(server.folder, folder), backupFolder, env };
      return restoreOffline(place, id, { dryRun: false, atMs: nowMs });
    };

    beforeEach(() => void (nowMs = Date.parse("2026-05-01T02:30:00Z")));
    afterEach(async () => {
      await server.close();
      await database.drop();
    });

    test("are put back at the next start, with no job run twice, and so is what they replaced", async (context) => {
      const folder = await mkdtemp(join(tmpdir(), "gate "));
      context.after(() => rm(folder, { recursive: true }));
      const gate = join(folder, "gate");
      await start(`while [ ! -e "${gate}" ]; do sleep 0.05; done`);
      const running = await submit("running");
      await waitForJob(server.call, running, ({ status }) => status === "running");
      const waiting = await submit("waiting");
      await saveConfig("kept");
      const row = { name: "installationId", value: '"the old one"', updated_at: 1 };
      await server.database((db) => db.deleteFrom("settings").where("name", "=", row.name).execute());
      await server.database((db) => db.insertInto("settings").values(row).execute());
      const made = await make();
      const params = { backup_id: made.id };
      assert.deepEqual(await server.call("POST /api/backup/{backup_id}/verify", { params }), {
        valid: true,
        problems: [],
        outputs_missing: 0,
      });
      const { manifest } = await server.call("GET /api/backup/{backup_id}", { params });
      assert.equal(manifest.rows["jobs"], 2);

      for (const job_id of [running, waiting])
        await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
      await ended(running);
      await writeFile(gate, "");
      await ended(await submit("after"));
      await saveConfig("new");
      await server.database((db) => sql`create table cats (name varchar(10) primary key)`.execute(db));
      await restore(made.id);
      assert.deepEqual(await jobNames(), ["after", "running", "waiting"]);
      await server.restart();
      assert.deepEqual([await jobNames(), await configNames()], [["running", "waiting"], ["kept"]]);
      const one = await ended(waiting);
      assert.deepEqual([one.status, one.error_code, one.attempt], ["cancelled", "job_restored", 0]);
      const two = await ended(running);
      assert.deepEqual([two.status, two.error_code, two.attempt], ["failed", "run_lost", 1]);
      const ids = await server.database((db) =>
        db.selectFrom("settings").select("value").where("name", "=", row.name).execute(),
      );
      assert.ok(ids.every(({ value }) => value !== row.value));
      assert.equal((await server.call("GET /api/backup", { query: {} })).pending_restore, null);
      const [undo] = await list();
      assert.deepEqual([undo?.name, undo?.created_by], ["before-restore", "restore"]);

      await restore(undo?.id ?? "");
      await server.restart();
      assert.deepEqual(
        [await jobNames(), await configNames()],
        [
          ["after", "running", "waiting"],
          ["kept", "new"],
        ],
      );
      await server.database(async (db) => {
        assert.equal(await refuseInconsistent(db), 3);
        // What is not the product's stays.
        await sql`select name from cats`.execute(db);
      });
    });

    test(`restore to a consistent state whatever is written meanwhile, ${rounds} times, also elsewhere`, async () => {
      await start("exit 0");
      await ended(await submit("first"));
      const first = await make();
      // Looked at for some seconds, so beside the rounds.
      const refused = assert.rejects(
        restoreElsewhere("in use", first.id, database),
        /Others use the database \(\d+ connections\)\. Stop its servers first/,
      );
      let [written, meanwhile] = [1, 0];
      for (let round = 0; round < rounds; round++) {
        const load = await underWriteLoad((writer) => submit(`w${writer}-${round}`), make);
        const atLeast = written + load.before;
        written += load.before + load.meanwhile;
        meanwhile += load.meanwhile;
        const { id } = load.answer;
        const { manifest } = await server.call("GET /api/backup/{backup_id}", { params: { backup_id: id } });
        const target = await freshDatabase(databaseSkip(another) ? kind : another, "");
        await restoreElsewhere(`there ${round}`, id, target);
        const db = await connectDatabase(target.address);
        const jobs = await refuseInconsistent(db).finally(() => db.destroy());
        await target.drop();
        assert.ok(jobs >= atLeast, `${jobs} of ${atLeast} jobs`);
        assert.equal(jobs, manifest.rows["jobs"]);
        if (round > 0) continue;
        await restoreElsewhere("file", id, null);
        const path = statePaths(join(server.folder, "file")).database;
        const file = await openDatabase(path, () => nowMs);
        assert.equal(await refuseInconsistent(file).finally(() => file.destroy()), jobs);
      }
      await refused;
      assert.ok(!existsSync(statePaths(join(server.folder, "in use")).restore));
      assert.ok(meanwhile >= rounds, `${meanwhile} jobs were written meanwhile`);
    });
  });

describe("backups of several servers", { skip: databaseSkip("postgres") }, () => {
  test("are put back by the first that starts while no other runs", async () => {
    const database = await freshDatabase("postgres", "");
    const server = await startTestServer({
      database,
      // What the servers share for a while lies in the same database, and is not the restore's.
      env: {
        SIMPLETUNER_REPLICAS: "true",
        STATE_BACKEND: "postgresql",
        STATE_BACKEND_URL: database.env["SIMPLETUNER_DATABASE_URL"],
      },
    });
    try {
      const setting = async (): Promise<unknown> =>
        (await server.call("GET /api/backup/schedule")).every_hours;
      const { backup } = await server.call("POST /api/backup", { body: {} });
      await server.call("PUT /api/backup/schedule", { body: { every_hours: 24, keep_days: 7 } });
      const staged = await server.call("POST /api/backup/{backup_id}/restore", {
        params: { backup_id: backup.id },
        body: {},
      });
      assert.match(staged.warnings.at(-1) ?? "", /Stop all of them: the first one that starts again/);
      const other = await startServer({ stateDir: server.stateDir, port: 0, env: server.env });
      await server.restart();
      assert.equal(await setting(), 24);
      await other.close();
      await server.restart();
      assert.equal(await setting(), null);
    } finally {
      await server.close();
    }
  });
});
