import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Kysely, sql } from "kysely";
import {
  databaseSkip,
  type FreshDatabase,
  freshDatabase,
  testDatabaseKinds,
} from "../../testing/test-database.ts";
import { JobDatabase } from "../job-database.ts";
import { unfinishedCopy } from "../migrate.ts";
import { connectDatabase, openDatabase } from "../open-database.ts";
import type { Database } from "../schema.ts";
import { openStores } from "../stores/open-stores.ts";
import { insertJob } from "../testing/made-jobs.ts";
import { copyDatabase, type CopiedTable } from "./copy-database.ts";
import { tableShapes } from "./table-shapes.ts";

/** Whatever a table may hold: every kind of character, whole and broken numbers, long texts, keys that differ by a blank. */
async function fill(db: JobDatabase): Promise<void> {
  const nothing = (): void => undefined;
  const stores = openStores(db, Date.now, nothing, nothing);
  const jobs = [];
  for (let count = 0; count < 120; count++)
    jobs.push(await insertJob(stores, { name: `job ${count} – तट 🌊 '"\\%_` }));
  for (const name of ["a", "a ", "A", "ä", "\u{1f600}", "\uffee", ""])
    await stores.configOwners.set("config", name, `owner of ${name}`);
  const [jobId = ""] = jobs;
  const values = [0.1 + 0.2, -0, 1e-300, Number.MAX_SAFE_INTEGER, 1.7976931348623157e308, 3];
  for (const [step, value] of values.entries())
    for (const key of ["loss", "lr"])
      await db.insertInto("job_metrics").values({ job_id: jobId, key, step, value }).execute();
  for (let line = 0; line < 3_000; line += 10)
    await db
      .insertInto("job_logs")
      .values({
        job_id: jobId,
        first_line: line,
        line_count: 10,
        at: line,
        text: `line ${line}\n`.repeat(10),
      })
      .execute();
  const long = `${"ü🌊\\'\"%\u0000".repeat(300_000)}`;
  await db.insertInto("settings").values({ name: "long", value: long, updated_at: 1 }).execute();
}

for (const kind of testDatabaseKinds)
  describe(`a copy into ${kind}`, { skip: databaseSkip(kind) }, () => {
    let folder: string;
    let source: JobDatabase;
    const made: FreshDatabase[] = [];
    const fresh = async (of: FreshDatabase["kind"]): Promise<FreshDatabase> => {
      const database = await freshDatabase(of, folder);
      made.push(database);
      return database;
    };
    const copy = async (from: JobDatabase, to: FreshDatabase): Promise<CopiedTable[]> => {
      const target = await connectDatabase(to.address);
      const options = { source: from, target, now: Date.now, onTable: () => undefined };
      return copyDatabase(options).finally(() => target.destroy());
    };
    const tablesIn = async ({ address }: FreshDatabase): Promise<string[]> => {
      const db = await connectDatabase(address);
      const shapes = await tableShapes(db, db.engine.kind).finally(() => db.destroy());
      return shapes.map(({ name }) => name);
    };

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "copy "));
      source = await openDatabase(join(folder, "source.db"), Date.now);
      await fill(source);
    });
    after(async () => {
      await source.destroy();
      for (const database of made) await database.drop();
      await rm(folder, { recursive: true, force: true });
    });

    test("holds every row as it was, and so does the copy of the copy", async () => {
      const target = await fresh(kind);
      const there = await copy(source, target);
      const rowsOf = (name: string) => there.find((table) => table.name === name)?.rows;
      assert.deepEqual([rowsOf("jobs"), rowsOf("job_logs"), rowsOf("config_owners")], [120, 300, 7]);
      const db = await openDatabase(target.address, Date.now);
      try {
        const nothing = (): void => undefined;
        await insertJob(openStores(db, Date.now, nothing, nothing), { name: "one more" });
        await db.deleteFrom("job_metrics").where("key", "=", "lr").execute();
        const back = await fresh("sqlite");
        const again = await copy(db, back);
        const changed = again.filter(
          ({ name, checksum }) => there.find((table) => table.name === name)?.checksum !== checksum,
        );
        const names = ["counters", "job_counts", "job_events", "job_metrics", "job_snapshots", "jobs"];
        assert.deepEqual(
          changed.map(({ name }) => name),
          names,
        );
      } finally {
        await db.destroy();
      }
    });

    test("is refused where anything is, and leaves that as it was", async () => {
      const target = await fresh(kind);
      const db = await connectDatabase(target.address);
      await sql`create table cats (name varchar(10) primary key)`.execute(db);
      await sql`insert into cats (name) values ('Minka')`.execute(db);
      await assert.rejects(copy(source, target), /holds \d tables already \(cats, …\)/);
      const { rows } = await sql`select name from cats`.execute(db);
      await db.destroy();
      assert.equal(rows.length, 1);
      const used = await fresh(kind);
      await (await openDatabase(used.address, Date.now)).destroy();
      await assert.rejects(copy(source, used), /holds \d+ tables already/);
    });

    test("that is not equal or cut off is not used, and the next one is made from the beginning", async () => {
      const target = await fresh(kind);
      const db = await connectDatabase(target.address);
      let written: Kysely<Database> = db;
      const { engine } = db;
      const spied = new JobDatabase({
        ...engine,
        alone: (own, work) =>
          engine.alone(own, (migrating) => {
            written = migrating.db;
            return work(migrating);
          }),
      });
      const faults: [RegExp, (name: string) => Promise<void>][] = [
        [
          /not equal to its source: settings has 1 rows/,
          async (name) => {
            if (name === "settings") await sql`update settings set value = 'x'`.execute(written);
          },
        ],
        [
          /cut off in the middle/,
          async (name) => {
            if (name === "jobs") throw new Error("cut off in the middle");
          },
        ],
      ];
      for (const [words, onTable] of faults) {
        await assert.rejects(copyDatabase({ source, target: spied, now: Date.now, onTable }), words);
        if (kind === "mariadb")
          await assert.rejects(openDatabase(target.address, Date.now), /did not get to its end/);
        else assert.deepEqual(await tablesIn(target), []);
      }
      await spied.destroy();
      await db.destroy();
      await copy(source, target);
      await (await openDatabase(target.address, Date.now)).destroy();
    });

    test("is not made of what another release or an unfinished copy has written", async () => {
      const target = await fresh(kind);
      for (const [name, words] of [
        ["999-future", /newer release \(it holds 999-future\)/],
        [unfinishedCopy, /did not get to its end/],
      ] as const) {
        await source.insertInto("schema_migrations").values({ name, applied_at: 1 }).execute();
        await assert.rejects(copy(source, target), words);
        await source.deleteFrom("schema_migrations").where("name", "=", name).execute();
      }
      await source.deleteFrom("schema_migrations").where("name", "=", "009-audit").execute();
      await assert.rejects(copy(source, target), /009-audit to come.*database migrate/);
      await source.insertInto("schema_migrations").values({ name: "009-audit", applied_at: 1 }).execute();
      assert.deepEqual(await tablesIn(target), []);
    });
  });
