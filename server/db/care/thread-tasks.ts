import { DatabaseSync } from "node:sqlite";
import { sqliteEngine } from "../dialects/sqlite.ts";
import { JobDatabase } from "../job-database.ts";
import { connectPatiently } from "../open-database.ts";
import { openSqlite } from "../sqlite-driver.ts";
import { copyDatabase } from "./copy-database.ts";
import { databaseStats } from "./database-stats.ts";
import { migrationState } from "./migration-state.ts";
import type { ServerPlace, SqliteTaskName } from "./sqlite-aside.ts";
import { vacuumDatabase } from "./vacuum-database.ts";
import { verifyDatabase } from "./verify-database.ts";

/** Waits for a lock without an event loop, so it may wait longer than a server would. */
const lockWaitMs = 30_000;

/** What a thread does with a file by its path; see `sqliteAside`. */
export const threadTasks: Readonly<
  Record<Exclude<SqliteTaskName, "inspect">, (path: string) => Promise<unknown>>
> = {
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

/** Journal and flushes are for a file that anybody will open after a crash: this one is thrown away then. */
function openScratch(path: string): DatabaseSync {
  const connection = new DatabaseSync(path);
  connection.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384");
  return connection;
}

/** See `copyServerAside`. */
export async function copyServer({ address, caBundle }: ServerPlace, path: string): Promise<void> {
  const source = await connectPatiently(address, { caBundle });
  try {
    const nobody = (): void => undefined;
    await using(openScratch(path), (target) =>
      copyDatabase({ source, target, now: Date.now, onTable: nobody }),
    );
  } finally {
    await source.destroy();
  }
}
