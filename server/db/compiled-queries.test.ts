import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Kysely } from "kysely";
import { compiledQueries } from "./compiled-queries.ts";
import type { Database } from "./schema.ts";
import { nodeSqliteDialect } from "./sqlite-driver.ts";

async function withCounters(
  work: (run: ReturnType<typeof compiledQueries>, db: Kysely<Database>) => Promise<void>,
): Promise<void> {
  const db = new Kysely<Database>({ dialect: nodeSqliteDialect(new DatabaseSync(":memory:")) });
  try {
    await db.schema.createTable("counters").addColumn("name", "text").addColumn("value", "integer").execute();
    const values = ["a", "b", "c"].map((name, value) => ({ name, value }));
    await db.insertInto("counters").values(values).execute();
    await work(compiledQueries(db), db);
  } finally {
    await db.destroy();
  }
}

test("values go to their names, not to the order they were given in, at every run", () =>
  withCounters(async (run, db) => {
    const between = (values: { low: number; high: number }) =>
      run("between", values, (slot) =>
        db
          .selectFrom("counters")
          .select("name")
          .where("value", "<=", slot<number>("high"))
          .where("value", ">=", slot<number>("low"))
          .orderBy("name"),
      );
    assert.deepEqual(await between({ low: 1, high: 2 }), [{ name: "b" }, { name: "c" }]);
    assert.deepEqual(await between({ high: 0, low: 0 }), [{ name: "a" }]);
  }));

test("a shape is built once, others beside it, and constants of a shape stay", () =>
  withCounters(async (run, db) => {
    let built = 0;
    const named = (name: string, shape: string) =>
      run(shape, { name }, (slot) => {
        built++;
        return db
          .selectFrom("counters")
          .select("value")
          .where("name", "=", slot<string>("name"))
          .where("value", ">=", shape === "any" ? 0 : 1);
      });
    assert.deepEqual(await named("a", "any"), [{ value: 0 }]);
    assert.deepEqual(await named("c", "any"), [{ value: 2 }]);
    assert.deepEqual(await named("a", "positive"), []);
    assert.equal(built, 2);
  }));

test("thousands of shapes are forgotten rather than kept, and still answer", () =>
  withCounters(async (run, db) => {
    for (let limit = 0; limit < 2_500; limit++) {
      const rows = await run(`at most ${limit}`, { limit }, (slot) =>
        db.selectFrom("counters").select("name").limit(slot<number>("limit")),
      );
      assert.equal(rows.length, Math.min(3, limit));
    }
  }));
