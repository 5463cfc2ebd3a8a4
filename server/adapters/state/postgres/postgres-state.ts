import pg from "pg";
import { type RunSql, type SqlDialect, sqlState } from "../sql-state.ts";
import { stateUnavailable, type StateStore } from "../state.ts";
import { postgresMessages } from "./messages.ts";

/** How a PostgreSQL is reached. */
export interface PostgresStateOptions {
  url: string;
  keyPrefix: string;
  poolSize: number;
  timeoutMs: number;
  /** Authorities to trust, in PEM; null without TLS. */
  ca: readonly string[] | null;
  onError: (error: unknown) => void;
}

const tables = `
CREATE TABLE IF NOT EXISTS state_values (
  k varchar(200) COLLATE "C" PRIMARY KEY, value text NOT NULL, version varchar(40) NOT NULL, expires_at bigint NOT NULL);
CREATE INDEX IF NOT EXISTS state_values_expiry ON state_values (expires_at);
CREATE TABLE IF NOT EXISTS state_windows (
  k varchar(200) COLLATE "C" PRIMARY KEY, log bytea NOT NULL, expires_at bigint NOT NULL) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS state_windows_expiry ON state_windows (expires_at);`;

/** Any number that no other program locks: the two tables are made by one replica at a time. */
const tablesLock = 7_305_118_224;

/** Serialization failure, deadlock, and a table that another replica makes at the same moment. */
const conflicts = new Set(["40001", "40P01", "42P07"]);

/** State in PostgreSQL 12 or newer; messages by LISTEN and NOTIFY. */
export function postgresState(options: PostgresStateOptions): StateStore {
  const { keyPrefix, onError } = options;
  const connection = connectionOf(options);
  const pool = new pg.Pool({ ...connection, max: options.poolSize });
  pool.on("error", onError);
  // One that breaks while it is in use tells so by what it was asked; unheard, its error would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const ready = tablesMaker(pool);
  const dialect = dialectOf(pool, ready);
  const messages = postgresMessages({ connection, keyPrefix, onError });
  return {
    ...sqlState(dialect, keyPrefix),
    async publish(channel, message) {
      const { text, values } = messages.notification(channel, message);
      await dialect.run(text, values).catch((error: unknown) => {
        throw stateUnavailable("postgres", error);
      });
    },
    subscribe: messages.subscribe,
    async close() {
      await messages.close();
      await pool.end();
    },
  };
}

function connectionOf({ url, timeoutMs, ca }: PostgresStateOptions): pg.ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    // The server gives up as well, so that no transaction of a caller that is gone holds a row.
    statement_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs,
    application_name: "simpletuner-cloud state",
    keepAlive: true,
    ...(ca !== null && { ssl: { ca: [...ca] } }),
  };
}

/** Makes the tables before the first statement; tried again by the next one when it failed. */
function tablesMaker(pool: pg.Pool): () => Promise<void> {
  let made: Promise<void> | null = null;
  const make = async (): Promise<void> => {
    const client = await pool.connect();
    try {
      await client.query("SELECT pg_advisory_lock($1)", [tablesLock]);
      await client.query(tables);
      await client.query("SELECT pg_advisory_unlock($1)", [tablesLock]);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  return () => (made ??= make().catch(forget));
  function forget(error: unknown): never {
    made = null;
    throw error;
  }
}

function dialectOf(pool: pg.Pool, ready: () => Promise<void>): SqlDialect {
  const runOn =
    (client: Pick<pg.Pool, "query">): RunSql =>
    async (sql, values) => {
      const { rows, rowCount } = await client.query<Record<string, unknown>>(numbered(sql), [...values]);
      return { rows, changed: rowCount ?? 0 };
    };
  return {
    kind: "postgres",
    clock: "(extract(epoch from clock_timestamp()) * 1000)::bigint",
    replacing: (columns) =>
      `ON CONFLICT (k) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
    insertIfFree: (rest) => `INSERT INTO ${rest} ON CONFLICT (k) DO NOTHING`,
    deleteExpired: (table, clock) =>
      `DELETE FROM ${table} WHERE k IN (SELECT k FROM ${table} WHERE expires_at <= ${clock} LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
    async run(sql, values) {
      await ready();
      return runOn(pool)(sql, values);
    },
    async transaction(work) {
      await ready();
      const client = await pool.connect();
      try {
        // A count that a crash of the database takes back is worth less than waiting for its disk at each request.
        await client.query("BEGIN; SET LOCAL synchronous_commit TO off");
        const result = await work(runOn(client));
        await client.query("COMMIT");
        client.release();
        return result;
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
    isConflict: (error) => conflicts.has(String((error as { code?: unknown }).code)),
  };
}

const numberedStatements = new Map<string, string>();

/** PostgreSQL numbers the values of a statement. */
function numbered(sql: string): string {
  let statement = numberedStatements.get(sql);
  if (statement === undefined) {
    let count = 0;
    statement = sql.replaceAll("?", () => `$${++count}`);
    numberedStatements.set(sql, statement);
  }
  return statement;
}
