import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";

/** Statements kept prepared per connection; the least recently used one is dropped above this. */
const preparedLimit = 300;

/** Opens a SQLite file in WAL mode. Throws SQLite's own error when it is damaged or locked. */
export function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5_000, enableForeignKeyConstraints: true });
  try {
    database.exec("PRAGMA journal_mode = WAL");
    // FULL: a committed job survives a power cut, at the price of one fsync a transaction.
    database.exec("PRAGMA synchronous = FULL");
    database.exec("PRAGMA journal_size_limit = 67108864");
    database.exec("PRAGMA cache_size = -16384");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Kysely's SQLite dialect over Node's own SQLite. A damaged file and a full disk, found at whatever statement, throw
 * `database_corrupt` and `disk_full` with SQLite's own error as their cause, a lock that lasts `database_busy`.
 */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  const path = database.location() ?? "in memory";
  const prepared = new Map<string, PreparedStatement>();
  const connection: SqliteDatabase = {
    close: () => database.close(),
    prepare(sql) {
      // SQLite ends a transaction itself when the disk is full; a second end would hide that reason behind its own error.
      if (sql === "rollback" && !database.isTransaction) return nothingToDo;
      const known = prepared.get(sql);
      if (known) {
        prepared.delete(sql);
        prepared.set(sql, known);
        return known;
      }
      const statement = told(path, () => new PreparedStatement(database.prepare(sql), path));
      prepared.set(sql, statement);
      if (prepared.size > preparedLimit) prepared.delete(prepared.keys().next().value as string);
      return statement;
    },
  };
  return new SqliteDialect({ database: connection });
}

const nothingToDo: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

/** Primary result codes of SQLite, the low byte of the extended ones (sqlite.org/rescode.html). */
const resultCode = { busy: 5, corrupt: 11, full: 13, notADatabase: 26 };

function told<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const extended = (error as { errcode?: number }).errcode ?? 0;
    const code = extended & 0xff;
    // Its extended forms say that the transaction may go through when it is run again.
    if (extended === resultCode.busy)
      throw fail("database_busy", { reason: "another program has locked it for five seconds" }, error);
    if (code === resultCode.full) throw fail("disk_full", { path, free: "0 bytes" }, error);
    if (code === resultCode.corrupt || code === resultCode.notADatabase)
      throw fail("database_corrupt", { path, problem: (error as Error).message }, error);
    throw error;
  }
}

/** Rows come as arrays and become objects of one shape here: Node's own objects have none and are slower to make and to read. */
class PreparedStatement implements SqliteStatement {
  readonly reader: boolean;
  readonly #statement: StatementSync;
  readonly #columns: readonly string[];
  readonly #path: string;

  constructor(statement: StatementSync, path: string) {
    this.#statement = statement;
    this.#path = path;
    this.#columns = statement.columns().map((column) => column.name);
    this.reader = this.#columns.length > 0;
    statement.setReturnArrays(true);
  }

  all(parameters: readonly unknown[]): unknown[] {
    const given = parameters as SQLInputValue[];
    const rows = told(this.#path, () => this.#statement.all(...given)) as unknown as unknown[][];
    return rows.map((values) => this.#row(values));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return told(this.#path, () => this.#statement.run(...(parameters as SQLInputValue[])));
  }

  *iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    for (const values of this.#statement.iterate(...(parameters as SQLInputValue[])))
      yield this.#row(values as unknown as unknown[]);
  }

  #row(values: readonly unknown[]): Record<string, unknown> {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < this.#columns.length; index++)
      row[this.#columns[index] as string] = values[index];
    return row;
  }
}
