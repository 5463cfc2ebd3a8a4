import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import type { Bench } from "../conformance.ts";
import { newJob } from "./made-jobs.ts";

/** How texts and numbers are stored, compared and sorted: the same everywhere. */
export function textPromises({ sides }: Bench): void {
  test("keys are equal only byte by byte, and sorted by their bytes", async () => {
    const [{ stores, db }] = sides();
    const names = ["B", "a", "a ", "A", "ä", "Ä", "z", "~", "", "\u{1f600}", "\uffee"];
    for (const name of names) await stores.configOwners.set("config", name, `owner of ${name}`);
    for (const name of names)
      assert.equal(await stores.configOwners.find("config", name), `owner of ${name}`, JSON.stringify(name));
    const rows = await db.selectFrom("config_owners").select("name").orderBy("name").execute();
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      rows.map(({ name }) => name),
      byBytes,
    );
  });

  test("a megabyte of text comes back as it was, and what holds NUL is taken", async () => {
    const [{ stores }, other] = sides();
    const config = JSON.stringify({ text: `${"ü🌊\\'\"%".repeat(100_000)}` });
    const job = newJob({ name: "null \u0000 name" });
    await stores.jobs.insert(job, { config, dataloader: "[]", plan: "{}" }, [], null);
    assert.equal((await other.stores.jobs.snapshot(job.wire.job_id))?.config, config);
    assert.equal((await other.stores.jobs.find(job.wire.job_id))?.wire.name, "null \u0000 name");
    assert.equal(await other.stores.jobs.find("no \u0000 job"), null);
  });

  test("quotes, backslashes and statements in values stay values", async () => {
    const [{ stores }] = sides();
    for (const name of [
      "'; drop table jobs; --",
      "\\'; select 1 --",
      "`x`",
      '"x"',
      "\\",
      "%_",
      "?",
      "$1",
      ":x",
    ]) {
      await stores.configOwners.set("dataloader", name, name);
      assert.equal(await stores.configOwners.find("dataloader", name), name);
    }
    assert.ok((await stores.jobs.inStatus(["pending"], 1)).length > 0);
  });

  test("whole numbers come as numbers, whatever they were made of", async () => {
    const [{ db }] = sides();
    const { rows } = await sql<
      Record<string, unknown>
    >`select sum(value) as total, count(*) as rows_, max(value) as most from counters`.execute(db);
    assert.deepEqual(
      Object.values(rows[0] ?? {}).map((value) => typeof value),
      ["number", "number", "number"],
    );
    const instant = Date.UTC(9999, 11, 31);
    await db.insertInto("counters").values({ name: "large", value: instant }).execute();
    const row = await db
      .selectFrom("counters")
      .select("value")
      .where("name", "=", "large")
      .executeTakeFirst();
    assert.equal(row?.value, instant);
    const again = await db
      .updateTable("counters")
      .set({ value: instant })
      .where("name", "=", "large")
      .executeTakeFirst();
    assert.equal(Number(again.numUpdatedRows), 1, "a row that is what it is to be counts as found");
    await db.deleteFrom("counters").where("name", "=", "large").execute();
  });

  test("a text that does not fit its column is refused, not cut off", async (context) => {
    const [{ db, stores }] = sides();
    if (db.engine.kind === "sqlite") return context.skip("SQLite knows no lengths");
    await assert.rejects(stores.configOwners.set("config", "x".repeat(101), "ada"));
    assert.equal(await stores.configOwners.find("config", "x".repeat(100)), null);
  });
}
