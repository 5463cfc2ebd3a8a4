import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import type { TestDatabaseKind } from "../../testing/test-database.ts";
import type { Bench } from "../conformance.ts";
import type { JobDatabase } from "../job-database.ts";
import { type Migration, migrate, migrationNames, unfinishedCopy } from "../migrate.ts";
import { connectDatabase, openDatabase } from "../open-database.ts";

/** How the schema comes about. */
export function schemaPromises(kind: TestDatabaseKind, { sides, another }: Bench): void {
  test("every migration is made once, also when several servers start at the same moment", async () => {
    const { address } = await another();
    const opened = await Promise.all(
      Array.from({ length: kind === "sqlite" ? 1 : 5 }, () => openDatabase(address, Date.now)),
    );
    for (const db of opened) {
      const rows = await db.selectFrom("schema_migrations").select("name").orderBy("name").execute();
      assert.deepEqual(
        rows.map(({ name }) => name),
        migrationNames,
      );
      assert.deepEqual(await migrate(db, Date.now), []);
      await db.destroy();
    }
  });

  test("a migration that was cut off anywhere is gone on with, and made whole", async () => {
    const { address } = await another();
    const db = await connectDatabase(address);
    try {
      const all = migrationOf(Infinity);
      for (let steps = 0; steps <= 5; steps++) {
        await assert.rejects(migrate(db, Date.now, [migrationOf(steps)]), /cut off/);
        // The change of the schema was made, and the power went before that was noted.
        if (steps === 3 && kind === "mariadb")
          await sql`create index pets_by_name on pets (name)`.execute(db);
      }
      assert.deepEqual(await migrate(db, Date.now, [all]), ["001-pets"]);
      assert.deepEqual(await migrate(db, Date.now, [all]), []);
      const { rows } = await sql<{
        name: string;
        legs: number;
      }>`select name, legs from pets order by name desc`.execute(db);
      assert.deepEqual(
        rows.map(({ name, legs }) => `${name} ${legs}`),
        ["cat 4", "bird 2"],
      );
    } finally {
      await db.destroy();
    }
  });

  test("a database of a newer release, and one that a copy left unfinished, are not used", async () => {
    const [{ db }] = sides();
    for (const [name, words] of [
      ["999-from-the-future", /newer release.*999-from-the-future/],
      [unfinishedCopy, /did not get to its end/],
    ] as const) {
      await db.insertInto("schema_migrations").values({ name, applied_at: 1 }).execute();
      await assert.rejects(migrate(db, Date.now), words);
      await db.deleteFrom("schema_migrations").where("name", "=", name).execute();
    }
  });

  test("two transactions that each wait for the other both go through", async (context) => {
    // With one connection none begins before the other's end.
    if (kind === "sqlite") return context.skip("SQLite has one writer at a time");
    const names = ["event", "spend"] as const;
    const before = await countersOf(sides()[0].db, names);
    const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const count = (turn: 0 | 1): Promise<void> => {
      const { db } = sides()[turn];
      return db.transaction().execute(async (transaction) => {
        for (const name of turn === 0 ? names : names.toReversed()) {
          await transaction
            .updateTable("counters")
            .set((row) => ({ value: row("value", "+", 1) }))
            .where("name", "=", name)
            .execute();
          arrived[turn].resolve();
          await arrived[turn === 0 ? 1 : 0].promise;
        }
      });
    };
    await Promise.all([count(0), count(1)]);
    assert.deepEqual(
      await countersOf(sides()[1].db, names),
      before.map((value) => value + 2),
    );
  });
}

async function countersOf(db: JobDatabase, names: readonly string[]): Promise<number[]> {
  const rows = await db
    .selectFrom("counters")
    .selectAll()
    .where("name", "in", names)
    .orderBy("name")
    .execute();
  return rows.map(({ value }) => value);
}

/** A migration of five steps that is cut off behind so many of them. */
function migrationOf(steps: number): Migration {
  return {
    name: "001-pets",
    async up(db) {
      let done = 0;
      const step = async (work: { execute(): Promise<unknown> }): Promise<void> => {
        if (done++ === steps) throw new Error("cut off");
        await work.execute();
      };
      await step(
        db.schema
          .createTable("pets")
          .addColumn("name", "varchar(20)", (column) => column.primaryKey())
          .addColumn("note", "text"),
      );
      await step({ execute: () => sql`insert into pets (name, note) values ('cat', 'x')`.execute(db) });
      await step({ execute: () => sql`alter table pets add column legs integer`.execute(db) });
      await step(db.schema.createIndex("pets_by_name").on("pets").column("name"));
      await step({ execute: () => sql`update pets set legs = 4`.execute(db) });
      if (steps === 5) throw new Error("cut off");
      await sql`insert into pets (name, legs) values ('bird', 2)`.execute(db);
    },
  };
}
