import { createPool, type Pool, type PoolConnection, type ResultSetHeader } from "mysql2/promise";
import { type RunSql, type SqlDialect, sqlState } from "../sql-state.ts";
import type { StateStore } from "../state.ts";
import { mysqlMessages } from "./messages.ts";

/** How a MySQL or MariaDB is reached. */
export interface MysqlStateOptions {
  url: string;
  keyPrefix: string;
  poolSize: number;
  timeoutMs: number;
  /** Authorities to trust, in PEM; null without TLS. */
  ca: readonly string[] | null;
  onError: (error: unknown) => void;
}

/** Keys are bytes, so that neither case nor accents make two of them one. */
const tables = [
  `CREATE TABLE IF NOT EXISTS state_values (
    k varbinary(200) PRIMARY KEY, value mediumtext CHARACTER SET utf8mb4 NOT NULL, version varchar(40) NOT NULL,
    expires_at bigint NOT NULL, KEY state_values_expiry (expires_at)) ENGINE = InnoDB`,
  `CREATE TABLE IF NOT EXISTS state_windows (
    k varbinary(200) PRIMARY KEY, log blob NOT NULL, expires_at bigint NOT NULL,
    KEY state_windows_expiry (expires_at)) ENGINE = InnoDB`,
  `CREATE TABLE IF NOT EXISTS state_messages (
    id bigint AUTO_INCREMENT PRIMARY KEY, channel varbinary(200) NOT NULL, message text CHARACTER SET utf8mb4 NOT NULL,
    sent_at bigint NOT NULL, KEY state_messages_sent (sent_at)) ENGINE = InnoDB`,
];

const conflicts = new Set(["ER_LOCK_DEADLOCK", "ER_CHECKREAD"]);

/** State in MySQL 8 or MariaDB 10.6 and newer; messages through a table that is looked at four times a second. */
export function mysqlState(options: MysqlStateOptions): StateStore {
  const { keyPrefix, timeoutMs, ca } = options;
  const pool = createPool({
    uri: options.url,
    connectionLimit: options.poolSize,
    connectTimeout: timeoutMs,
    charset: "utf8mb4",
    enableKeepAlive: true,
    ...(ca !== null && { ssl: { ca: [...ca] } }),
  });
  // As at PostgreSQL: what was asked tells of it, and unheard it would end the process.
  pool.on("connection", (connection) => connection.on("error", () => undefined));
  const dialect = dialectOf(pool, timeoutMs);
  const messages = mysqlMessages({ dialect, keyPrefix, onError: options.onError });
  const state = sqlState(dialect, keyPrefix);
  return {
    ...state,
    ...messages,
    async sweep() {
      await state.sweep();
      await messages.sweep();
    },
    async close() {
      messages.close();
      await pool.end();
    },
  };
}

function dialectOf(pool: Pool, timeoutMs: number): SqlDialect {
  const runOn =
    (connection: PoolConnection): RunSql =>
    async (sql, values) => {
      const [outcome] = await connection.query({ sql, timeout: timeoutMs }, [...values]);
      return Array.isArray(outcome)
        ? { rows: outcome as Record<string, unknown>[], changed: 0 }
        : { rows: [], changed: (outcome as ResultSetHeader).affectedRows };
    };
  const known = new WeakSet<object>();
  let made: Promise<void> | null = null;
  const make = async (run: RunSql): Promise<void> => {
    for (const table of tables) await run(table, []);
  };
  const connected = async <Result>(work: (run: RunSql) => Promise<Result>): Promise<Result> => {
    const connection = await pool.getConnection();
    try {
      const run = runOn(connection);
      if (!known.has(connection.connection)) {
        // Without gaps locked, first hits of two keys never wait for each other; times mean the same in every zone.
        await run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", []);
        await run("SET SESSION time_zone = '+00:00'", []);
        known.add(connection.connection);
      }
      made ??= make(run).catch((error: unknown) => {
        made = null;
        throw error;
      });
      await made;
      const result = await work(run);
      connection.release();
      return result;
    } catch (error) {
      // What state it is in nobody knows.
      connection.destroy();
      throw error;
    }
  };
  return {
    kind: "mysql",
    clock: "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    replacing: (columns) =>
      `ON DUPLICATE KEY UPDATE ${columns.map((column) => `${column} = VALUES(${column})`).join(", ")}`,
    insertIfFree: (rest) => `INSERT IGNORE INTO ${rest}`,
    deleteExpired: (table, clock) => `DELETE FROM ${table} WHERE expires_at <= ${clock} LIMIT 1000`,
    run: (sql, values) => connected((run) => run(sql, values)),
    transaction: (work) =>
      connected(async (run) => {
        await run("BEGIN", []);
        const result = await work(run);
        await run("COMMIT", []);
        return result;
      }),
    isConflict: (error) => conflicts.has(String((error as { code?: unknown }).code)),
  };
}
