import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { databaseToBackUp } from "@simpletuner-cloud/server/backups/backed-up-database.ts";
import { backupIds } from "@simpletuner-cloud/server/backups/backup-folder.ts";
import { writeBackup } from "@simpletuner-cloud/server/backups/write-backup.ts";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import type { JobDatabase } from "@simpletuner-cloud/server/db/job-database.ts";
import { migrationNames } from "@simpletuner-cloud/server/db/migrate.ts";
import { connectDatabase, openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { openStores } from "@simpletuner-cloud/server/db/stores/open-stores.ts";
import { insertJob } from "@simpletuner-cloud/server/db/testing/made-jobs.ts";
import { startServer } from "@simpletuner-cloud/server/main.ts";
import {
  databaseSkip,
  type FreshDatabase,
  freshDatabase,
} from "@simpletuner-cloud/server/testing/test-database.ts";
import { runCli } from "../program.ts";
import { capturedIo, type Ran } from "../testing/captured-io.ts";

/** How often a restore is killed on each database; the figure to prove it with is 50. */
const rounds = Number(process.env["RESTORE_ROUNDS"] ?? 1);
const program = fileURLToPath(new URL("../main.ts", import.meta.url));
/** What the backup holds, and what it replaces. */
const [backedUp, replaced] = [40, 7];

async function fill(db: JobDatabase, jobs: number): Promise<void> {
  const nothing = (): void => undefined;
  const stores = openStores(db, Date.now, nothing, nothing);
  for (let count = 0; count < jobs; count++) await insertJob(stores, { name: `job ${count}` });
}

/** Takes away again what a migration made. */
async function makeOlder(db: JobDatabase): Promise<void> {
  for (const column of ["made", "ended", "timed", "duration_ms", "cost_micros"])
    await db.schema.alterTable("job_counts").dropColumn(column).execute();
  await sql`delete from schema_migrations where name = '014-job-totals'`.execute(db);
}

for (const kind of ["postgres", "mariadb"] as const)
  describe(`backup restore --offline into ${kind}`, { skip: databaseSkip(kind) }, () => {
    let folder: string;
    let stateDir: string;
    let database: FreshDatabase;
    let id: string;

    const backUp = async (path: string, name: string): Promise<string> => {
      const paths = statePaths(stateDir);
      const made = await writeBackup(
        {
          root: paths.backups,
          database: databaseToBackUp({ database: null, outbound: { caBundle: null } }, { database: path }),
          configs: paths.configs,
          outputs: async function* () {},
          keyFingerprint: () => "none",
          version: "1",
        },
        { name, description: null, by: "local", components: ["database"], atMs: Date.now() },
      );
      return made.id;
    };
    const run = async (...args: string[]): Promise<Ran> => {
      const { io, read } = capturedIo({ env: { SIMPLETUNER_STATE_DIR: stateDir, ...database.env } });
      const code = await runCli(["backup", "restore", "--offline", "--force", ...args], io);
      return { code, ...read() };
    };
    const looked = async <Answer>(work: (db: JobDatabase) => Promise<Answer>): Promise<Answer> => {
      const db = await connectDatabase(database.address);
      return work(db).finally(() => db.destroy());
    };
    const jobs = (status?: string) =>
      looked(async (db) => {
        let query = db.selectFrom("jobs").select((row) => row.fn.countAll<number>().as("jobs"));
        if (status !== undefined) query = query.where("status", "=", status);
        return Number((await query.executeTakeFirstOrThrow()).jobs);
      });
    const isMarked = () =>
      looked(async (db) => {
        const rows = await db.selectFrom("schema_migrations").select("name").execute();
        return rows.some(({ name }) => !migrationNames.includes(name));
      });
    const kept = async () => (await backupIds(statePaths(stateDir).backups)).filter((one) => one !== id);

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "cli restore "));
      stateDir = join(folder, "state");
      database = await freshDatabase(kind, folder);
      const source = join(folder, "source.db");
      for (const [where, count] of [
        [source, backedUp],
        [database.address, replaced],
      ] as const) {
        const db = await openDatabase(where, Date.now);
        await fill(db, count).finally(() => db.destroy());
      }
      id = await backUp(source, "made");
    });
    afterEach(async () => {
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    });

    /** Runs the program and kills it once `isTime`, if it did not end before. */
    async function killed(isTime: (told: string) => boolean, afterMs: number | null): Promise<void> {
      const child = spawn(process.execPath, [program, "backup", "restore", id, "--offline", "--force"], {
        env: { ...process.env, SIMPLETUNER_STATE_DIR: stateDir, ...database.env },
        stdio: ["ignore", "ignore", "pipe"],
      });
      const ended = once(child, "close");
      let told = "";
      child.stderr.on("data", (piece: Buffer) => {
        told += piece.toString();
        if (isTime(told)) child.kill("SIGKILL");
      });
      if (afterMs !== null) void delay(afterMs).then(() => child.kill("SIGKILL"));
      await ended;
    }

    test("killed at any moment leaves the old state, the new one or a mark, and is gone on with", async () => {
      const seen = { old: 0, marked: 0, whole: 0 };
      for (let round = 0; round < rounds; round++) {
        // By turns once a table was written, and whenever that is.
        if (round % 2 === 0) {
          const tables = 1 + ((round * 11) % 28);
          await killed((told) => told.split(" rows written").length > tables, null);
        } else await killed(() => false, 300 + Math.random() * 1_200);
        if (await isMarked()) {
          seen.marked++;
          await assert.rejects(openDatabase(database.address, Date.now), /did not get to its end/);
        } else if ((await jobs()) === replaced) {
          seen.old++;
          if (round === 0) assert.equal(await jobs("pending"), replaced);
        } else {
          seen.whole++;
          assert.equal(await jobs("cancelled"), backedUp);
        }
        // The next start goes on with it as well as the same command.
        if (round % 4 === 0) {
          const env = {
            ...process.env,
            ...database.env,
            SIMPLETUNER_LOG_LEVEL: "fatal",
            SIMPLETUNER_TRAINER_COMMAND: "/bin/true",
          };
          await (await startServer({ stateDir, port: 0, env })).close();
        } else {
          const done = await run(id);
          assert.equal(done.code, 0, done.err);
          assert.match(done.out, /is in place in (postgres|mysql):\/\/\w+@127\.0\.0\.1/);
        }
        assert.equal(await jobs("cancelled"), backedUp);
        // What was there before all this is kept, however often it was cut off: the oldest of what is kept.
        const undo = (await kept()).at(-1) ?? "";
        assert.match(undo, /_before-restore$/);
        assert.equal((await run(undo)).code, 0);
        assert.equal(await jobs(), replaced);
        for (const one of await kept())
          await rm(join(statePaths(stateDir).backups, one), { recursive: true });
      }
      if (kind === "postgres") assert.equal(seen.marked, 0);
      else assert.ok(seen.marked > 0);
    });

    test("brings an older backup up to date, and an older database before it is replaced", async () => {
      const older = join(folder, "older.db");
      const db = await openDatabase(older, Date.now);
      await fill(db, 3);
      await makeOlder(db);
      await db.destroy();
      id = await backUp(older, "older");
      await looked(makeOlder);
      const dry = await run(id, "--dry-run");
      assert.deepEqual([dry.code, dry.err], [0, dry.err]);
      assert.equal(await jobs(), replaced);
      const done = await run(id);
      assert.equal(done.code, 0, done.err);
      const opened = await openDatabase(database.address, Date.now);
      const made = await opened.selectFrom("job_counts").select("made").execute();
      await opened.destroy();
      assert.equal(
        made.reduce((sum, row) => sum + Number(row.made), 0),
        3,
      );
      assert.match(done.out, /kept in the backup \d{8}_\d{6}_before-restore\./);
    });

    test("is refused over what a newer release wrote, and then changes nothing", async () => {
      const name = "999-later";
      await looked((db) => db.insertInto("schema_migrations").values({ name, applied_at: 1 }).execute());
      for (const args of [[id], [id, "--dry-run"]])
        assert.match(
          (await run(...args)).err,
          /newer release \(it holds 999-later\).* name an empty database/,
        );
      await looked((db) => db.deleteFrom("schema_migrations").where("name", "=", name).execute());
      assert.equal(await jobs("pending"), replaced);
      assert.deepEqual(await kept(), []);
      const cancelled = await run("--cancel");
      assert.match(cancelled.out, /No restore was to come/);
    });
  });
