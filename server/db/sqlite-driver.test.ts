import assert from "node:assert/strict";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { type CompiledQuery, Kysely, sql } from "kysely";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Database } from "./schema.ts";
import { nodeSqliteDialect } from "./sqlite-driver.ts";

const pageBytes = 4_096;

async function filledFile(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sqlite-driver-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "jobs.db");
  const database = new DatabaseSync(path);
  database.exec("create table numbers (value integer, padding text)");
  const insert = database.prepare("insert into numbers values (?, ?)");
  for (let value = 0; value < 200; value++) insert.run(value, "x".repeat(1_000));
  database.close();
  return path;
}

async function run(context: TestContext, path: string, query: string): Promise<unknown[]> {
  const db = new Kysely<Database>({ dialect: nodeSqliteDialect(new DatabaseSync(path)) });
  context.after(() => db.destroy());
  return (await db.executeQuery(sql.raw(query).compile(db) as CompiledQuery)).rows;
}

const isFailure = (code: string, words: RegExp) => (error: unknown) =>
  error instanceof Failure &&
  error.code === code &&
  words.test(error.message) &&
  error.cause instanceof Error;

test("damage that shows while the server runs is told by its path, whatever statement meets it", async (context) => {
  const path = await filledFile(context);
  const file = await open(path, "r+");
  for (let page = 3; page < 30; page++)
    await file.write(Buffer.alloc(pageBytes, 0xaa), 0, pageBytes, page * pageBytes);
  await file.close();
  const corrupt = isFailure("database_corrupt", /jobs\.db is damaged: .*malformed/);
  await assert.rejects(run(context, path, "select sum(length(padding)) from numbers"), corrupt);
  await assert.rejects(run(context, path, "delete from numbers"), corrupt);
});

test("a file that is no database is damage, too", async (context) => {
  const path = await filledFile(context);
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(pageBytes, "no"), 0, pageBytes, 0);
  await file.close();
  await assert.rejects(
    run(context, path, "select 1 from numbers"),
    isFailure("database_corrupt", /not a database/),
  );
});

test("a full disk is told as one; any other error stays SQLite's", async (context) => {
  const path = await filledFile(context);
  const database = new DatabaseSync(path);
  const db = new Kysely<Database>({ dialect: nodeSqliteDialect(database) });
  context.after(() => db.destroy());
  database.exec("PRAGMA max_page_count = 1");
  const insert = sql`insert into numbers values (1, ${"x".repeat(100_000)})`.compile(db);
  await assert.rejects(db.executeQuery(insert), isFailure("disk_full", /jobs\.db is full/));
  await assert.rejects(run(context, path, "select * from nowhere"), /no such table: nowhere/);
});
