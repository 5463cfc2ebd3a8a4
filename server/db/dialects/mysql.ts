import { rootCertificates } from "node:tls";
import { callbackify } from "node:util";
import {
  type CreateTableNode,
  type DataTypeNode,
  type Kysely,
  MysqlDialect,
  type MysqlPool,
  type MysqlPoolConnection,
  MysqlQueryCompiler,
  type MysqlQueryResult,
  sql,
} from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { createPool, type Pool, type PoolConnection } from "mysql2";
import { StartError } from "../../config/values.ts";
import { troubleOf } from "../database-trouble.ts";
import type { Engine, Migrating } from "../engine.ts";
import type { Database } from "../schema.ts";
import { stepwise } from "./mysql-migrating.ts";
import { connectMs, lockMs, Places, type ServerEngineOptions, statementMs } from "./server-engine.ts";

/** Which of the two it is, and the collation under which texts are equal only byte by byte. */
interface Flavor {
  readonly name: "MySQL" | "MariaDB";
  readonly collation: string;
}

/**
 * The first ends with blanks that count; the older `utf8mb4_bin` takes `key` and `key ` for one. Each server has one of
 * the two: MySQL since 8.0.17, MariaDB since 10.2.
 */
const collations = ["utf8mb4_0900_bin", "utf8mb4_nopad_bin"];

/** A migration of a very large table may take so long. */
const migrationWaitSeconds = 3_600;

const conflicts = new Set(["ER_LOCK_DEADLOCK", "ER_CHECKREAD"]);
const duplicate = "ER_DUP_ENTRY";

/** MySQL or MariaDB. Throws {@link StartError} where it cannot be used whatever is done later. */
export async function mysqlEngine(options: ServerEngineOptions): Promise<Engine> {
  return engineOf(options, await flavorOf(options), false);
}

function engineOf(options: ServerEngineOptions, flavor: Flavor, isPatient: boolean): Engine {
  const pool = guarded(poolOf(options), new Places(options.address.poolSize), flavor, isPatient);
  return {
    kind: "mysql",
    name: flavor.name,
    dialect: new Dialect(pool, flavor.collation),
    verdict(error) {
      const code = (error as { code?: unknown }).code;
      return conflicts.has(String(code)) ? "conflict" : code === duplicate ? "duplicate" : null;
    },
    alone,
    patient: async () => engineOf({ ...options, address: { ...options.address, poolSize: 1 } }, flavor, true),
  };
}

async function flavorOf(options: ServerEngineOptions): Promise<Flavor> {
  const pool = poolOf(options);
  try {
    const rows = await new Promise<Record<string, unknown>[]>((resolve, reject) => {
      pool.query(
        "select version() as version, c.collation_name as collation from information_schema.collations c where c.collation_name in (?)",
        [collations],
        (error, found) => (error ? reject(error) : resolve(found as Record<string, unknown>[])),
      );
    });
    const [row] = rows;
    if (!row) throw new StartError("MySQL 8.0.17 or MariaDB 10.6 or newer is needed for the database.");
    const isMariadb = String(row["version"]).includes("MariaDB");
    return { name: isMariadb ? "MariaDB" : "MySQL", collation: String(row["collation"]) };
  } catch (error) {
    throw troubleOf(error, "MySQL");
  } finally {
    pool.end(() => undefined);
  }
}

function poolOf({ address, caBundle, onError }: ServerEngineOptions): Pool {
  const { url, tls, poolSize } = address;
  const pool = createPool({
    ...placeOf(url),
    connectionLimit: poolSize,
    connectTimeout: connectMs,
    charset: "utf8mb4",
    // Sums are whole numbers of our own size.
    decimalNumbers: true,
    enableKeepAlive: true,
    keepAliveInitialDelay: connectMs,
    ...(tls !== null && {
      ssl: {
        ca: tls.ca === null ? [...rootCertificates, ...(caBundle === null ? [] : [caBundle])] : [tls.ca],
        ...(tls.cert !== null && { cert: tls.cert }),
        ...(tls.key !== null && { key: tls.key }),
        verifyIdentity: tls.checksName,
      },
    }),
  });
  pool.on("connection", (connection) => connection.on("error", onError));
  return pool;
}

function placeOf(url: string) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const socketPath = searchParams.get("socket") ?? searchParams.get("socketPath");
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ...(socketPath !== null && { socketPath }),
  };
}

/** What every session begins with, whatever the server's defaults are. */
function sessionSettings({ name }: Flavor, isPatient: boolean): string[] {
  const limit =
    name === "MariaDB"
      ? `max_statement_time = ${statementMs / 1_000}`
      : `max_execution_time = ${statementMs}`;
  const waits = Math.round(lockMs / 1_000);
  return [
    // Text that does not fit is refused instead of cut off; a backslash escapes, as the driver relies on.
    "set session sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'",
    // Each statement sees what was committed before it, so that what is read under a lock is what holds.
    "set session transaction isolation level read committed",
    `set session innodb_lock_wait_timeout = ${waits}, lock_wait_timeout = ${isPatient ? 3_600 : waits}`,
    ...(isPatient ? [] : [`set session ${limit}`]),
  ];
}

/** The pool as kysely sees it: sessions are set up, errors are told in our words, what is broken is not used again. */
function guarded(pool: Pool, places: Places, flavor: Flavor, isPatient: boolean): MysqlPool {
  const known = new WeakMap<PoolConnection, MysqlPoolConnection>();
  const timeoutMs = isPatient ? 0 : statementMs + connectMs;
  const opened = async (): Promise<MysqlPoolConnection> => {
    await places.take();
    try {
      const connection = await new Promise<PoolConnection>((resolve, reject) => {
        pool.getConnection((error, found) => (error ? reject(error) : resolve(found)));
      });
      return known.get(connection) ?? (await setUp(connection));
    } catch (error) {
      places.giveBack();
      throw troubleOf(error, flavor.name);
    }
  };
  const setUp = async (connection: PoolConnection): Promise<MysqlPoolConnection> => {
    const made = guardedConnection(connection, places, flavor.name, timeoutMs);
    try {
      for (const setting of sessionSettings(flavor, isPatient))
        await new Promise<void>((resolve, reject) => {
          made.query(setting, [], (error) => (error ? reject(error) : resolve()));
        });
    } catch (error) {
      connection.destroy();
      throw error;
    }
    known.set(connection, made);
    return made;
  };
  return {
    getConnection: callbackify(opened),
    end: (callback) => pool.end(callback),
  };
}

function guardedConnection(
  connection: PoolConnection,
  places: Places,
  name: string,
  timeout: number,
): MysqlPoolConnection {
  return {
    config: {},
    threadId: connection.threadId,
    connect: () => undefined,
    query(text, values: unknown[], callback) {
      const options = { sql: text, values, ...(timeout > 0 && { timeout }) };
      return connection.query(options, (error: NodeJS.ErrnoException | null, result: unknown) => {
        // The answer may still come, to whoever asks next.
        if (error?.code === "PROTOCOL_SEQUENCE_TIMEOUT") connection.destroy();
        callback?.(error ? troubleOf(error, name) : undefined, result as MysqlQueryResult);
      });
    },
    destroy: () => connection.destroy(),
    release() {
      connection.release();
      places.giveBack();
    },
  };
}

class Dialect extends MysqlDialect {
  readonly #collation: string;

  constructor(pool: MysqlPool, collation: string) {
    super({ pool });
    this.#collation = collation;
  }

  override createQueryCompiler(): MysqlQueryCompiler {
    return new Compiler(this.#collation);
  }
}

class Compiler extends MysqlQueryCompiler {
  readonly #collation: string;

  constructor(collation: string) {
    super();
    this.#collation = collation;
  }

  /** TEXT of MySQL ends at 64 KiB; a job's plan or a piece of a log may be longer. */
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node.dataType === "text" ? { ...node, dataType: "longtext" as never } : node);
  }

  /** Text is compared and sorted by its bytes, as SQLite does, whatever the database's own rules are. */
  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable(node);
    this.append(` engine = InnoDB row_format = dynamic character set utf8mb4 collate ${this.#collation}`);
  }
}

/** MySQL commits at each change of the schema, so migrations go step by step; see {@link stepwise}. */
async function alone<Answer>(
  db: Kysely<Database>,
  work: (migrating: Migrating) => Promise<Answer>,
): Promise<Answer> {
  return db.connection().execute(async (connection) => {
    // Names of locks are the whole server's.
    const lock = sql`concat('simpletuner ', md5(database()))`;
    const asked = sql<{
      taken: number | null;
    }>`select get_lock(${lock}, ${sql.lit(migrationWaitSeconds)}) as taken`;
    if ((await asked.execute(connection)).rows[0]?.taken !== 1)
      throw fail("database_busy", { reason: "another server has been changing its schema for an hour" });
    try {
      return await work(await stepwise(connection));
    } finally {
      await sql`select release_lock(${lock})`.execute(connection).catch(() => undefined);
    }
  });
}
