import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type RateRule, takePlaces, type WindowUsage } from "../../../domain/sliding-window.ts";
import { ownMessages } from "../listeners.ts";
import { prefixedKey, stateUnavailable, type StateStore } from "../state.ts";
import { windowBytes, windowExpiry, windowOfBytes } from "../window-bytes.ts";

/** What a state file is opened with. */
export interface SqliteStateOptions {
  path: string;
  keyPrefix: string;
  /** So long another process's write is waited for; nothing else happens in this process meanwhile. */
  lockWaitMs: number;
  now: () => number;
  /** Told when a damaged file was replaced by an empty one. */
  onReplaced: (error: unknown) => void;
}

/**
 * State in a file of this machine, for all processes on it. A message reaches the listeners of its own process only:
 * a server whose state is in a file has no replicas.
 */
export function sqliteState(options: SqliteStateOptions): StateStore {
  const database = openOrReplace(options);
  const { now, keyPrefix } = options;
  const statements = prepare(database);
  const asked = async <Result>(work: () => Result): Promise<Result> => {
    try {
      return work();
    } catch (error) {
      throw stateUnavailable("sqlite", error);
    }
  };
  return {
    kind: "sqlite",
    get: (key) => asked(() => statements.get(prefixedKey(keyPrefix, key), now())),
    set: (key, value, ttlMs, ifVersion) =>
      asked(() => statements.set(prefixedKey(keyPrefix, key), value, now(), ttlMs, ifVersion)),
    delete: (key, ifVersion) => asked(() => statements.delete(prefixedKey(keyPrefix, key), now(), ifVersion)),
    takePlaces: (key, rule, wanted) =>
      asked(() => statements.takePlaces(prefixedKey(keyPrefix, key), rule, wanted, now)),
    clearPlaces: (key) => asked(() => void statements.clearPlaces(prefixedKey(keyPrefix, key))),
    ...ownMessages(),
    clock: async () => now(),
    async sweep() {
      // Other work has its turn between the pieces.
      while (await asked(() => statements.sweep(now()))) await nextTurn();
    },
    async close() {
      database.close();
    },
  };
}

/** Opens the file; one that is damaged makes way for an empty one, since everything in it can be rebuilt. */
function openOrReplace({ path, lockWaitMs, onReplaced }: SqliteStateOptions): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return open(path, lockWaitMs);
  } catch (error) {
    const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (!damagedCodes.has(code)) throw error;
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    onReplaced(error);
    return open(path, lockWaitMs);
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
const damagedCodes = new Set([11, 26]);

function open(path: string, lockWaitMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: lockWaitMs });
  try {
    database.exec("PRAGMA journal_mode = WAL");
    // Nothing here has to outlive a power cut, so no write waits for the disk.
    database.exec("PRAGMA synchronous = NORMAL");
    // The log is copied back seldom, because that is what waits for the disk: here after 32 MiB.
    database.exec("PRAGMA wal_autocheckpoint = 8000");
    database.exec("PRAGMA journal_size_limit = 67108864");
    database.exec(`
      CREATE TABLE IF NOT EXISTS state_values (
        k TEXT PRIMARY KEY, value TEXT NOT NULL, version TEXT NOT NULL, expires_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS state_values_expiry ON state_values (expires_at);
      CREATE TABLE IF NOT EXISTS state_windows (
        k TEXT PRIMARY KEY, log BLOB NOT NULL, expires_at INTEGER NOT NULL
      );
      CREATE INDEX IF NOT EXISTS state_windows_expiry ON state_windows (expires_at);`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

type Run = (...values: SQLInputValue[]) => boolean;

/** Prepares statements that answer whether they changed anything. */
function runner(database: DatabaseSync): (sql: string) => Run {
  return (sql) => {
    const statement = database.prepare(sql);
    return (...values) => Number(statement.run(...values).changes) > 0;
  };
}

function prepare(database: DatabaseSync) {
  const run = runner(database);
  const expired = (table: string): Run =>
    run(`DELETE FROM ${table} WHERE k IN (SELECT k FROM ${table} WHERE expires_at <= ? LIMIT 1000)`);
  const sweepValues = expired("state_values");
  const sweepWindows = expired("state_windows");
  return {
    ...valueStatements(database),
    ...windowStatements(database),
    /** Removes some of what ran out; answers whether there may be more. */
    sweep: (nowMs: number): boolean => [sweepValues(nowMs), sweepWindows(nowMs)].includes(true),
  };
}

function valueStatements(database: DatabaseSync) {
  const run = runner(database);
  const replacing = `INSERT INTO state_values VALUES (?, ?, ?, ?) ON CONFLICT (k) DO UPDATE
    SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at`;
  const find = database.prepare("SELECT value, version FROM state_values WHERE k = ? AND expires_at > ?");
  const put = run(replacing);
  const putIfAbsent = run(`${replacing} WHERE state_values.expires_at <= ?`);
  const putIfVersion = run(
    "UPDATE state_values SET value = ?, version = ?, expires_at = ? WHERE k = ? AND version = ? AND expires_at > ?",
  );
  const remove = run("DELETE FROM state_values WHERE k = ? AND expires_at > ?");
  const removeIfVersion = run("DELETE FROM state_values WHERE k = ? AND expires_at > ? AND version = ?");
  return {
    get(key: string, nowMs: number) {
      const row = find.get(key, nowMs) as { value: string; version: string } | undefined;
      return row ? { value: row.value, version: row.version } : null;
    },
    set(key: string, value: string, nowMs: number, ttlMs: number, ifVersion: string | null | undefined) {
      const version = randomUUID();
      if (ifVersion === undefined) return put(key, value, version, nowMs + ttlMs);
      if (ifVersion === null) return putIfAbsent(key, value, version, nowMs + ttlMs, nowMs);
      return putIfVersion(value, version, nowMs + ttlMs, key, ifVersion, nowMs);
    },
    delete: (key: string, nowMs: number, ifVersion: string | undefined) =>
      ifVersion === undefined ? remove(key, nowMs) : removeIfVersion(key, nowMs, ifVersion),
  };
}

function windowStatements(database: DatabaseSync) {
  const run = runner(database);
  const begin = run("BEGIN IMMEDIATE");
  const commit = run("COMMIT");
  const rollback = run("ROLLBACK");
  const find = database.prepare("SELECT log FROM state_windows WHERE k = ?");
  const put = run(
    "INSERT INTO state_windows VALUES (?, ?, ?) ON CONFLICT (k) DO UPDATE SET log = excluded.log, expires_at = excluded.expires_at",
  );
  const take = (key: string, rule: RateRule, wanted: number, now: () => number): WindowUsage => {
    const row = find.get(key) as { log: Uint8Array } | undefined;
    const nowMs = now();
    const { log, usage } = takePlaces(windowOfBytes(row?.log ?? null), rule, wanted, nowMs);
    if (usage.allowed > 0) put(key, windowBytes(log), windowExpiry(nowMs + usage.resetMs));
    return usage;
  };
  return {
    clearPlaces: run("DELETE FROM state_windows WHERE k = ?"),
    takePlaces(key: string, rule: RateRule, wanted: number, now: () => number): WindowUsage {
      if (wanted === 0) return take(key, rule, wanted, now);
      begin();
      try {
        const usage = take(key, rule, wanted, now);
        commit();
        return usage;
      } catch (error) {
        if (database.isTransaction) rollback();
        throw error;
      }
    },
  };
}
