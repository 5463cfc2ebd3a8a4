import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { StartError } from "../config/values.ts";
import { migrate, NewerSchemaError } from "./migrate.ts";
import type { Database } from "./schema.ts";
import { nodeSqliteDialect, openSqlite } from "./sqlite-driver.ts";

/** Databases up to this size are checked page by page at start; larger ones when they are verified on request. */
const checkedAtStartBytes = 32 << 20;

/** Opens the job database and brings it to this release's schema; {@link StartError} says what to do when it cannot. */
export async function openDatabase(path: string, now: () => number): Promise<Kysely<Database>> {
  const connection = openChecked(path);
  const db = new Kysely<Database>({ dialect: nodeSqliteDialect(connection) });
  try {
    await migrate(db, now);
  } catch (error) {
    await db.destroy();
    throw error instanceof NewerSchemaError ? new StartError(error.message) : damaged(path, error);
  }
  return db;
}

function openChecked(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (existsSync(path) && statSync(path).size <= checkedAtStartBytes) check(path);
    return openSqlite(path);
  } catch (error) {
    throw damaged(path, error);
  }
}

/** Throws when the file is damaged. Read-only, because closing a writer would move its log into the damaged file. */
function check(path: string): void {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    const verdict = connection.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    // The verdict may have a heading of its own line.
    if (verdict !== "ok") throw new Error(String(verdict).split("\n").at(-1));
  } finally {
    connection.close();
  }
}

function damaged(path: string, thrown: unknown): StartError {
  const error = thrown instanceof Failure ? thrown.cause : thrown;
  const problem = (error as Error).message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC" || /disk is full/.test(problem)) {
    return new StartError(`The disk that holds ${path} is full. Free some space and start again.`, {
      cause: error,
    });
  }
  if (code === "EACCES" || code === "EROFS" || /readonly|unable to open/.test(problem)) {
    return new StartError(
      `The database ${path} cannot be written (${problem}). Give this user write permission to its folder.`,
      { cause: error },
    );
  }
  if (/locked/.test(problem))
    return new StartError(`The database ${path} is locked by another program. Stop it and start again.`, {
      cause: error,
    });
  return new StartError(
    `The database ${path} is damaged (${problem}). Nothing was changed. Restore a backup over it, or move it and its -wal and -shm files away to start empty.`,
    { cause: error },
  );
}
