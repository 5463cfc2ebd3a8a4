import { rootCertificates } from "node:tls";
import pg from "pg";
import {
  ColumnDefinitionNode,
  type DataTypeNode,
  type Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  PostgresQueryCompiler,
  sql,
} from "kysely";
import { StartError } from "../../config/values.ts";
import { troubleOf } from "../database-trouble.ts";
import type { Engine, Migrating } from "../engine.ts";
import type { Database } from "../schema.ts";
import { connectMs, lockMs, Places, type ServerEngineOptions, statementMs } from "./server-engine.ts";

const name = "PostgreSQL";
/** The oldest that its makers still supported when this was written has every statement that is used here. */
const oldestVersion = 140_000;
/** Any number that no other program locks. */
const migrationLock = 7_305_118_225;

const conflicts = new Set(["40001", "40P01"]);
const duplicate = "23505";

/** Types of whole numbers that the driver gives as text, since they could be larger than any of ours is. */
const numberTypes = new Set([20, 1700]);

/** PostgreSQL. Throws {@link StartError} where it cannot be used whatever is done later. */
export async function postgresEngine(options: ServerEngineOptions): Promise<Engine> {
  await refuseUnusable(options);
  return engineOf(options, false);
}

function engineOf(options: ServerEngineOptions, isPatient: boolean): Engine {
  return {
    kind: "postgres",
    name,
    dialect: new Dialect({
      pool: guarded(poolOf(options, isPatient), new Places(options.address.poolSize), isPatient),
    }),
    verdict(error) {
      const code = (error as { code?: unknown }).code;
      return conflicts.has(String(code)) ? "conflict" : code === duplicate ? "duplicate" : null;
    },
    alone,
    patient: async () => engineOf({ ...options, address: { ...options.address, poolSize: 1 } }, true),
  };
}

async function refuseUnusable(options: ServerEngineOptions): Promise<void> {
  const pool = poolOf(options, true);
  try {
    const { rows } = await pool.query<{ version: string; encoding: string }>(
      "select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding",
    );
    const { version = "0", encoding = "" } = rows[0] ?? {};
    if (Number(version) < oldestVersion)
      throw new StartError(`PostgreSQL ${oldestVersion / 10_000} or newer is needed for the database.`);
    if (encoding !== "UTF8")
      throw new StartError(
        `The database has the encoding ${encoding}. Make one with: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0.`,
      );
  } catch (error) {
    throw troubleOf(error, name);
  } finally {
    await pool.end();
  }
}

function poolOf({ address, caBundle, onError }: ServerEngineOptions, isPatient: boolean): pg.Pool {
  const { url, tls, poolSize } = address;
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: connectMs,
    // The server gives up first; this is for one that cannot even say so.
    query_timeout: isPatient ? 0 : statementMs + connectMs,
    keepAlive: true,
    application_name: "simpletuner-cloud",
    types: {
      getTypeParser: ((type: number, format: "text") =>
        numberTypes.has(type)
          ? Number
          : pg.types.getTypeParser(type, format)) as typeof pg.types.getTypeParser,
    },
    ...(tls !== null && {
      ssl: {
        ca: tls.ca ?? [...rootCertificates, ...(caBundle === null ? [] : [caBundle])],
        ...(tls.cert !== null && { cert: tls.cert }),
        ...(tls.key !== null && { key: tls.key }),
        ...(!tls.checksName && { checkServerIdentity: () => undefined }),
      },
    }),
  });
  pool.on("error", onError);
  // One that breaks while it is in use tells so by what it was asked.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** What every session begins with, whatever the server's defaults are. */
function sessionSettings(isPatient: boolean): string {
  const milliseconds = (limit: number): string => (isPatient ? "0" : String(limit));
  return [
    // Each statement sees what was committed before it, so that what is read under a lock is what holds.
    "set default_transaction_isolation = 'read committed'",
    // What is answered is on the disk, also where the server's default is another.
    "set synchronous_commit = on",
    `set statement_timeout = ${milliseconds(statementMs)}`,
    `set lock_timeout = ${milliseconds(lockMs)}`,
    // A server that is cut off in the middle of a transaction does not hold its rows for ever.
    `set idle_in_transaction_session_timeout = ${milliseconds(statementMs)}`,
  ].join("; ");
}

/** The pool as kysely sees it: sessions are set up, errors are told in our words, what is broken is not used again. */
function guarded(pool: pg.Pool, places: Places, isPatient: boolean): PostgresPool {
  const known = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  const opened = async (): Promise<PostgresPoolClient> => {
    const client = await pool.connect();
    const earlier = known.get(client);
    if (earlier) return earlier;
    await client.query(sessionSettings(isPatient)).catch((error: unknown) => {
      client.release(true);
      throw error;
    });
    const made = guardedClient(client, places);
    known.set(client, made);
    return made;
  };
  return {
    options: {},
    async connect() {
      await places.take();
      return opened().catch((error: unknown) => {
        places.giveBack();
        throw troubleOf(error, name);
      });
    },
    end: () => pool.end(),
  };
}

function guardedClient(client: pg.PoolClient, places: Places): PostgresPoolClient {
  let broken: unknown = null;
  client.on("error", (error) => (broken ??= troubleOf(error, name)));
  const query = async (text: string, values: readonly unknown[]): Promise<unknown> => {
    // Also the end of the transaction: what broke the connection is what there is to tell.
    if (broken !== null) throw broken;
    try {
      return await client.query(text, values.map(storable));
    } catch (error) {
      const trouble = troubleOf(error, name);
      // What the server says itself leaves the connection as it was; after anything else nobody knows.
      if (trouble !== error && !(error instanceof pg.DatabaseError)) broken ??= trouble;
      throw trouble;
    }
  };
  return {
    query: query as PostgresPoolClient["query"],
    release(destroy) {
      client.release(destroy === true || broken !== null);
      places.giveBack();
    },
  };
}

/** PostgreSQL's text holds every character but NUL; SQLite and MySQL take that, too. */
function storable(value: unknown): unknown {
  return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
}

class Dialect extends PostgresDialect {
  override createQueryCompiler(): PostgresQueryCompiler {
    return new Compiler();
  }
}

/** Text is compared and sorted by its bytes, as SQLite does, whatever the database's own rules are. */
class Compiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = this.parentNode !== undefined && ColumnDefinitionNode.is(this.parentNode);
    if (isColumn && /^(varchar|text)/.test(node.dataType)) this.append(' collate "C"');
  }
}

/** The schema and its migrations change in one transaction: a crash leaves the old or the new one. */
async function alone<Answer>(
  db: Kysely<Database>,
  work: (migrating: Migrating) => Promise<Answer>,
): Promise<Answer> {
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(transaction);
    return work({ db: transaction, apply: (_, up) => up(transaction) });
  });
}
