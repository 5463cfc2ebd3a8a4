import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { type DatabaseAddress, type DatabaseServerAddress, shownAddress } from "../config/database.ts";
import { StartError } from "../config/values.ts";
import type { ServerEngineOptions } from "./dialects/server-engine.ts";
import { sqliteEngine } from "./dialects/sqlite.ts";
import type { Engine } from "./engine.ts";
import { JobDatabase } from "./job-database.ts";
import { migrate, NewerSchemaError, UnfinishedCopyError } from "./migrate.ts";
import { openSqlite } from "./sqlite-driver.ts";

/** Databases up to this size are checked page by page at start; larger ones when they are verified on request. */
const checkedAtStartBytes = 32 << 20;
/** A database server that starts at the same time as this one is waited for so long. */
const longestWaitMs = 20_000;
const lookAgainMs = 500;

/** How a database is opened, as far as it is one of a server. */
export interface OpenDatabaseOptions {
  /** PEM of authorities to trust beside the known ones. */
  caBundle?: string | null;
  /** Told of connections that break while nobody uses them. */
  onError?: (error: unknown) => void;
  /** Told that the server does not answer yet. */
  onWait?: (error: unknown) => void;
}

/**
 * Opens the database, a file by its path, and brings it to this release's schema; {@link StartError} says what to do when
 * it cannot.
 */
export async function openDatabase(
  where: string | DatabaseAddress,
  now: () => number,
  options: OpenDatabaseOptions = {},
): Promise<JobDatabase> {
  const address = addressOf(where);
  const db = await connectDatabase(address, options);
  try {
    await bringUpToDate(db, now).catch((error: unknown) => {
      throw refusal(address, error);
    });
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Makes the migrations that a database lacks, and answers their names; as {@link openDatabase} otherwise. */
export async function migrateDatabase(
  where: string | DatabaseAddress,
  now: () => number,
  options: OpenDatabaseOptions = {},
): Promise<string[]> {
  const address = addressOf(where);
  const db = await connectDatabase(address, options);
  try {
    return await bringUpToDate(db, now).catch((error: unknown) => {
      throw refusal(address, error);
    });
  } finally {
    await db.destroy();
  }
}

function addressOf(where: string | DatabaseAddress): DatabaseAddress {
  return typeof where === "string" ? { kind: "sqlite", path: where } : where;
}

function refusal(address: DatabaseAddress, error: unknown): StartError {
  if (error instanceof NewerSchemaError || error instanceof UnfinishedCopyError)
    return new StartError(error.message);
  return address.kind === "sqlite" ? damaged(address.path, error) : unusable(address, error);
}

/** Opens a database as it is; throws {@link StartError} when it cannot. */
export async function connectDatabase(
  address: DatabaseAddress,
  options: OpenDatabaseOptions = {},
): Promise<JobDatabase> {
  if (address.kind === "sqlite") return new JobDatabase(sqliteEngine(openChecked(address.path)));
  const { caBundle = null, onError = () => undefined, onWait } = options;
  const engineOptions = { address, caBundle, onError };
  for (const startedAt = performance.now(); ;) {
    try {
      return new JobDatabase(await serverEngine(address.kind, engineOptions));
    } catch (error) {
      const isLate = !onWait || performance.now() - startedAt > longestWaitMs;
      if (isLate || !mayComeUp(error)) throw unusable(address, error);
      onWait(error);
      await delay(lookAgainMs);
    }
  }
}

/** As {@link connectDatabase}, on one connection that may take as long as it takes. */
export async function connectPatiently(
  address: DatabaseAddress,
  options: OpenDatabaseOptions = {},
): Promise<JobDatabase> {
  if (address.kind === "sqlite") return connectDatabase(address, options);
  const db = await connectDatabase({ ...address, poolSize: 1 }, options);
  const patient = new JobDatabase(await db.engine.patient());
  await db.destroy();
  return patient;
}

/** Most servers never need a driver. */
async function serverEngine(
  kind: DatabaseServerAddress["kind"],
  options: ServerEngineOptions,
): Promise<Engine> {
  return kind === "postgres"
    ? (await import("./dialects/postgres.ts")).postgresEngine(options)
    : (await import("./dialects/mysql.ts")).mysqlEngine(options);
}

/**
 * Makes the migrations that a database lacks and answers their names; on a connection without time limits, which may
 * wait for another process that does the same.
 */
export async function bringUpToDate(db: JobDatabase, now: () => number): Promise<string[]> {
  const engine = await db.engine.patient();
  const own = engine === db.engine ? db : new JobDatabase(engine);
  try {
    return await migrate(own, now);
  } finally {
    if (own !== db) await own.destroy();
  }
}

/** True for a server that is not there, or not ready; false for one that refuses. */
function mayComeUp(error: unknown): boolean {
  const { code } = ((error as Failure).cause ?? {}) as { code?: string };
  return (
    error instanceof Failure &&
    error.code === "database_unavailable" &&
    ![
      "28P01",
      "28000",
      "3D000",
      "ER_ACCESS_DENIED_ERROR",
      "ER_DBACCESS_DENIED_ERROR",
      "ER_BAD_DB_ERROR",
    ].includes(code ?? "")
  );
}

function unusable(address: DatabaseServerAddress, thrown: unknown): StartError {
  const place = shownAddress(address);
  if (thrown instanceof StartError) return new StartError(`${place}: ${thrown.message}`, { cause: thrown });
  const error =
    thrown instanceof Failure ? (thrown.details["reason"] ?? thrown.message) : (thrown as Error).message;
  return new StartError(
    `The database ${place} cannot be used: ${String(error)}. Correct SIMPLETUNER_DATABASE_URL, or see to the database server, and start again.`,
    { cause: thrown },
  );
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
    `The database ${path} is damaged (${problem}). Nothing was changed. Look at it with: simpletuner-cloud database verify --offline. Restore a backup over it with: simpletuner-cloud backup restore --offline. Or move it and its -wal and -shm files away to start empty.`,
    { cause: error },
  );
}
