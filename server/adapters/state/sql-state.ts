import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type RateRule, takePlaces, type WindowUsage } from "../../domain/sliding-window.ts";
import { prefixedKey, type StateStore, stateUnavailable } from "./state.ts";
import { windowBytes, windowExpiry, windowOfBytes } from "./window-bytes.ts";

/** What a statement did. */
export interface SqlOutcome {
  rows: Record<string, unknown>[];
  /** Rows that were inserted, changed or deleted. */
  changed: number;
}

/** Runs one statement; its values stand where `?` is. */
export type RunSql = (sql: string, values: readonly unknown[]) => Promise<SqlOutcome>;

/** What one kind of shared database says in its own way. */
export interface SqlDialect {
  kind: "postgres" | "mysql";
  /** The server's clock in epoch milliseconds, as an expression that is never older than its statement. */
  clock: string;
  /** Ends an INSERT of a row of values so that it replaces one with the same `k`. */
  replacing: (columns: readonly string[]) => string;
  /** An INSERT that leaves a row with the same `k` as it is, given the part behind `INSERT INTO`. */
  insertIfFree: (rest: string) => string;
  /** Deletes at most 1,000 rows that ran out. */
  deleteExpired: (table: string, clock: string) => string;
  run: RunSql;
  /** A transaction in which each statement sees what others committed before it; ended by the work's end or error. */
  transaction<Result>(work: (run: RunSql) => Promise<Result>): Promise<Result>;
  /** True for an error after which the same transaction may go through. */
  isConflict: (error: unknown) => boolean;
}

const tries = 5;

/** State in two tables of a database server, all but the messages. */
export function sqlState(
  dialect: SqlDialect,
  keyPrefix: string,
): Omit<StateStore, "publish" | "subscribe" | "close"> {
  const { clock, run } = dialect;
  const asked = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!dialect.isConflict(error) || attempt === tries) throw stateUnavailable(dialect.kind, error);
      }
    }
  };
  const { set, delete: remove } = valueWrites(dialect);
  return {
    kind: dialect.kind,
    get: (key) =>
      asked(async () => {
        const sql = `SELECT value, version FROM state_values WHERE k = ? AND expires_at > ${clock}`;
        const [row] = (await run(sql, [prefixedKey(keyPrefix, key)])).rows;
        return row ? { value: String(row["value"]), version: String(row["version"]) } : null;
      }),
    set: (key, value, ttlMs, ifVersion) =>
      asked(() => set(prefixedKey(keyPrefix, key), value, ttlMs, ifVersion)),
    delete: (key, ifVersion) => asked(() => remove(prefixedKey(keyPrefix, key), ifVersion)),
    takePlaces: (key, rule, wanted) =>
      asked(() => placesOf(dialect, prefixedKey(keyPrefix, key), rule, wanted)),
    clearPlaces: (key) =>
      asked(
        async () => void (await run("DELETE FROM state_windows WHERE k = ?", [prefixedKey(keyPrefix, key)])),
      ),
    clock: () => asked(async () => Number((await run(`SELECT ${clock} AS ms`, [])).rows[0]?.["ms"])),
    async sweep() {
      for (const table of ["state_values", "state_windows"]) {
        const sql = dialect.deleteExpired(table, clock);
        while ((await asked(() => run(sql, []))).changed > 0) await nextTurn();
      }
    },
  };
}

const columns = ["k", "value", "version", "expires_at"] as const;

function valueWrites({ clock, run, replacing, insertIfFree }: SqlDialect) {
  const row = `state_values (${columns.join(", ")}) VALUES (?, ?, ?, ${clock} + ?)`;
  const changed = async (sql: string, values: readonly unknown[]): Promise<boolean> =>
    (await run(sql, values)).changed > 0;
  const setIfAbsent = async (key: string, value: string, version: string, ttlMs: number) => {
    const over = `UPDATE state_values SET value = ?, version = ?, expires_at = ${clock} + ? WHERE k = ? AND expires_at <= ${clock}`;
    for (;;) {
      if (await changed(insertIfFree(row), [key, value, version, ttlMs])) return true;
      if (await changed(over, [value, version, ttlMs, key])) return true;
      // Neither: a value holds, or one that had run out was removed between the two.
      const held = `SELECT 1 AS held FROM state_values WHERE k = ? AND expires_at > ${clock}`;
      if ((await run(held, [key])).rows.length > 0) return false;
    }
  };
  return {
    async set(key: string, value: string, ttlMs: number, ifVersion: string | null | undefined) {
      const version = randomUUID();
      if (ifVersion === undefined)
        return changed(`INSERT INTO ${row} ${replacing(columns.slice(1))}`, [key, value, version, ttlMs]);
      if (ifVersion === null) return setIfAbsent(key, value, version, ttlMs);
      const sql = `UPDATE state_values SET value = ?, version = ?, expires_at = ${clock} + ? WHERE k = ? AND version = ? AND expires_at > ${clock}`;
      return changed(sql, [value, version, ttlMs, key, ifVersion]);
    },
    async delete(key: string, ifVersion: string | undefined) {
      const sql = `DELETE FROM state_values WHERE k = ? AND expires_at > ${clock}`;
      return ifVersion === undefined
        ? changed(sql, [key])
        : changed(`${sql} AND version = ?`, [key, ifVersion]);
    },
  };
}

/** The row of a key is locked while its log is read, decided on and written back. */
async function placesOf(
  dialect: SqlDialect,
  key: string,
  rule: RateRule,
  wanted: number,
): Promise<WindowUsage> {
  const find = `SELECT log, ${dialect.clock} AS ms FROM state_windows WHERE k = ?`;
  if (wanted === 0) {
    const [row] = (await dialect.run(find, [key])).rows;
    return takePlaces(logOf(row), rule, 0, Number(row?.["ms"] ?? 0)).usage;
  }
  for (;;) {
    const usage = await dialect.transaction(async (run) => {
      const [row] = (await run(`${find} FOR UPDATE`, [key])).rows;
      if (!row) return null;
      const nowMs = Number(row["ms"]);
      const taken = takePlaces(logOf(row), rule, wanted, nowMs);
      if (taken.usage.allowed > 0)
        await run("UPDATE state_windows SET log = ?, expires_at = ? WHERE k = ?", [
          windowBytes(taken.log),
          windowExpiry(nowMs + taken.usage.resetMs),
          key,
        ]);
      return taken.usage;
    });
    if (usage) return usage;
    // Its own statement: in the transaction, two first hits would wait for each other.
    const first = `state_windows (k, log, expires_at) VALUES (?, ?, ${dialect.clock} + ?)`;
    await dialect.run(dialect.insertIfFree(first), [key, windowBytes([]), 2 * rule.windowMs]);
  }
}

function logOf(row: Record<string, unknown> | undefined): readonly number[] {
  return windowOfBytes(row?.["log"] instanceof Uint8Array ? row["log"] : null);
}
