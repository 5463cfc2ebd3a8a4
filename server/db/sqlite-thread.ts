import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { databaseStats } from "./care/database-stats.ts";
import { migrationState } from "./care/migration-state.ts";
import type { SqliteTaskName, ThreadAnswer, ThreadQuestion } from "./care/sqlite-aside.ts";
import { vacuumDatabase } from "./care/vacuum-database.ts";
import { verifyDatabase } from "./care/verify-database.ts";
import { sqliteEngine } from "./dialects/sqlite.ts";
import { JobDatabase } from "./job-database.ts";
import { inspectSqlite } from "./sqlite-copy.ts";
import { openSqlite } from "./sqlite-driver.ts";

/** Waits for a lock without an event loop, so it may wait longer than a server would. */
const lockWaitMs = 30_000;

const tasks: Readonly<Record<SqliteTaskName, (path: string) => unknown>> = {
  inspect: inspectSqlite,
  verify: (path) => reading(path, (db) => verifyDatabase(db, "sqlite")),
  migrations: (path) => reading(path, (db) => migrationState(db, "sqlite")),
  stats: (path) => reading(path, (db) => databaseStats(db, "sqlite")),
  vacuum(path) {
    const connection = openSqlite(path);
    connection.exec(`PRAGMA busy_timeout = ${lockWaitMs}`);
    return using(connection, (db) => vacuumDatabase(db, "sqlite", path));
  },
};

/** Read-only: closing a writer would move its log into a file that may be damaged. */
function reading<Answer>(path: string, work: (db: JobDatabase) => Promise<Answer>): Promise<Answer> {
  return using(new DatabaseSync(path, { readOnly: true, timeout: lockWaitMs }), work);
}

async function using<Answer>(
  connection: DatabaseSync,
  work: (db: JobDatabase) => Promise<Answer>,
): Promise<Answer> {
  const db = new JobDatabase(sqliteEngine(connection));
  return work(db).finally(() => db.destroy());
}

async function answer({ task, path }: ThreadQuestion): Promise<ThreadAnswer> {
  try {
    return { answer: await tasks[task](path) };
  } catch (error) {
    if (error instanceof Failure) return { failure: { code: error.code, details: error.details } };
    return { error: (error as Error).message };
  }
}

parentPort?.postMessage(await answer(workerData as ThreadQuestion));
