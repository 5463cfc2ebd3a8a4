import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { sql } from "kysely";
import type { FreshDatabase, TestDatabaseKind } from "../../testing/test-database.ts";
import type { DatabaseCare } from "../care/database-care.ts";
import { serverCare, sqliteCare } from "../care/database-care.ts";
import { tableShapes } from "../care/table-shapes.ts";
import type { Bench } from "../conformance.ts";
import type { JobDatabase } from "../job-database.ts";
import { migrate, migrationNames } from "../migrate.ts";
import { connectDatabase, migrateDatabase, openDatabase } from "../open-database.ts";
import { openStores } from "../stores/open-stores.ts";
import { insertJob } from "./made-jobs.ts";

/** Looking after a database: what it tells of itself, and what reading it through finds. */
export function carePromises(kind: TestDatabaseKind, { another }: Bench): void {
  describe("looked after", () => {
    let fresh: FreshDatabase;
    let db: JobDatabase;
    let care: DatabaseCare;
    before(async () => {
      fresh = await another();
      db = await openDatabase(fresh.address, Date.now);
      care = fresh.address.kind === "sqlite" ? sqliteCare(fresh.address.path) : serverCare(db);
      const nothing = (): void => undefined;
      const stores = openStores(db, Date.now, nothing, nothing);
      for (let count = 0; count < 3; count++) await insertJob(stores);
    });
    after(() => db.destroy());

    test("its tables, their keys and its migrations are told as the database has them", async () => {
      const shapes = await tableShapes(db, db.engine.kind);
      assert.deepEqual(shapes.find(({ name }) => name === "job_logs")?.key, ["job_id", "first_line"]);
      assert.ok(shapes.every(({ key }) => key.length > 0));
      const { applied, pending, unknown } = await care.migrations();
      assert.deepEqual(
        applied.map(({ name }) => name),
        migrationNames,
      );
      assert.deepEqual([pending, unknown], [[], []]);
    });

    test("its size is told, table by table", async () => {
      await care.vacuum();
      const stats = await care.stats();
      assert.match(stats.version, /^\d+\.\d+/);
      assert.ok(stats.sizeBytes > 0);
      assert.equal(stats.tables.find(({ name }) => name === "jobs")?.rows, 3);
      assert.ok((stats.tables.find(({ name }) => name === "jobs")?.sizeBytes ?? 0) > 0);
      assert.equal(stats.connections === null, kind === "sqlite");
    });

    test("it is sound, and each thing that does not agree is found and named", async () => {
      const { problems, rows } = await care.verify();
      assert.deepEqual(problems, []);
      assert.equal(rows["jobs"], 3);
      for (const [fault, undo, words] of faults) {
        await fault.execute(db);
        assert.match((await care.verify()).problems.join("\n"), words);
        await undo.execute(db);
      }
      assert.deepEqual((await care.verify()).problems, []);
    });

    test("vacuum gives back what was deleted, and everything else stays", async () => {
      const note = "x".repeat(10_000);
      for (let row = 0; row < 400; row++)
        await db
          .insertInto("settings")
          .values({ name: `filler ${row}`, value: note, updated_at: 1 })
          .execute();
      await db.deleteFrom("settings").where("name", "like", "filler %").execute();
      const { beforeBytes, afterBytes } = await care.vacuum();
      // PostgreSQL gives space back to the table, and to the disk only where it lies at the table's end.
      assert.ok(kind === "sqlite" ? afterBytes < beforeBytes - 3_000_000 : afterBytes <= beforeBytes);
      assert.equal((await care.verify()).rows["jobs"], 3);
    });

    test("an older schema, a newer one and no schema at all are told apart", async () => {
      const { address } = await another();
      const bare = await connectDatabase(address);
      const itsCare = address.kind === "sqlite" ? sqliteCare(address.path) : serverCare(bare);
      try {
        assert.deepEqual((await itsCare.migrations()).pending, migrationNames);
        assert.match((await itsCare.verify()).problems.join(), /run: database migrate/);
        assert.deepEqual(await migrateDatabase(address, Date.now), migrationNames);
        assert.deepEqual(await migrateDatabase(address, Date.now), []);
        await bare.insertInto("schema_migrations").values({ name: "999-future", applied_at: 1 }).execute();
        assert.match((await itsCare.verify()).problems.join(), /newer release wrote it \(999-future\)/);
        await assert.rejects(migrate(bare, Date.now));
        assert.deepEqual((await itsCare.migrations()).unknown, ["999-future"]);
      } finally {
        await bare.destroy();
      }
    });

    test("damage in the file is found without touching it", async (context) => {
      const { address } = await another();
      if (address.kind !== "sqlite") return context.skip("the files of a database server are its own");
      const filled = await openDatabase(address, Date.now);
      await sql`create table filler as with recursive n(i) as
        (select 1 union all select i + 1 from n where i < 2000) select hex(randomblob(60)) as x from n`.execute(
        filled,
      );
      await filled.destroy();
      const bytes = readFileSync(address.path);
      bytes.fill(7, bytes.length - 40_000, bytes.length - 20_000);
      writeFileSync(address.path, bytes);
      assert.match((await sqliteCare(address.path).verify()).problems.join("\n"), /page|malformed|corrupt/i);
      assert.deepEqual(readFileSync(address.path), bytes);
    });
  });
}

/** A fault, its undoing, and what is said of it. */
const faults = [
  [
    sql`update job_counts set jobs = jobs + 1`,
    sql`update job_counts set jobs = jobs - 1`,
    /1 totals of jobs that are not the number of jobs/,
  ],
  [
    sql`update jobs set status = 'running'`,
    sql`update jobs set status = 'pending'`,
    /3 jobs that no total counts[^]*record of the job .* is not the one/,
  ],
  [
    sql`insert into user_levels (user_id, level_id) values ('ghost', 'admin')`,
    sql`delete from user_levels where user_id = 'ghost'`,
    /1 levels of users that are not there/,
  ],
  [
    sql`update counters set value = value - 1 where name = 'event'`,
    sql`update counters set value = value + 1 where name = 'event'`,
    /1 events with a number that was not given out/,
  ],
  [
    sql`update audit_chain set last_id = last_id + 1`,
    sql`update audit_chain set last_id = last_id - 1`,
    /audit chains whose end is not the last entry/,
  ],
] as const;
