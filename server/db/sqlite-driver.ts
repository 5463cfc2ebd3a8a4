import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
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

/** Kysely's SQLite dialect over Node's own SQLite. */
export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
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
      const statement = new PreparedStatement(database.prepare(sql));
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

/** Rows come as arrays and become objects of one shape here: Node's own objects have none and are slower to make and to read. */
class PreparedStatement implements SqliteStatement {
  readonly reader: boolean;
  readonly #statement: StatementSync;
  readonly #columns: readonly string[];

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.#columns = statement.columns().map((column) => column.name);
    this.reader = this.#columns.length > 0;
    statement.setReturnArrays(true);
  }

  all(parameters: readonly unknown[]): unknown[] {
    const rows = this.#statement.all(...(parameters as SQLInputValue[])) as unknown as unknown[][];
    return rows.map((values) => this.#row(values));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...(parameters as SQLInputValue[]));
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
