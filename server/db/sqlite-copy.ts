import { backup, DatabaseSync } from "node:sqlite";

/** What a database file holds. */
export interface SqliteContent {
  /** Null when the file is sound, else what is wrong with it. */
  damage: string | null;
  /** Rows of each table. */
  rows: Record<string, number>;
  /** Names of the migrations that made its schema, in order. */
  migrations: string[];
}

/** All pages in one step, which sees one state of the database however much is written meanwhile. */
const allAtOnce = 2 ** 31 - 1;

/**
 * Copies a database file that is in use: the copy is the state at one moment. The work is done off the event loop.
 * `target` must not exist; when this fails, what is there is no database.
 */
export async function copySqlite(source: string, target: string): Promise<void> {
  const connection = new DatabaseSync(source, { readOnly: true, timeout: 5_000 });
  try {
    await backup(connection, target, { rate: allAtOnce });
  } finally {
    connection.close();
  }
}

/** Reads a database file through; it must not be in use. Blocks for as long as that takes: call it in a thread. */
export function inspectSqlite(path: string): SqliteContent {
  const connection = new DatabaseSync(path);
  try {
    // A copy carries the mark of its source's write-ahead log; without one it is a single file.
    connection.exec("PRAGMA journal_mode = DELETE");
    const verdict = connection.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
    if (verdict !== "ok")
      return { damage: String(verdict).split("\n").at(-1) ?? "?", rows: {}, migrations: [] };
    const tables = connection
      .prepare(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name",
      )
      .all()
      .map(({ name }) => String(name));
    const rows = Object.fromEntries(
      tables.map((name) => {
        const found = connection
          .prepare(`select count(*) as rows from "${name.replaceAll('"', '""')}"`)
          .get();
        return [name, Number(found?.["rows"])];
      }),
    );
    const migrations = tables.includes("schema_migrations")
      ? connection
          .prepare("select name from schema_migrations order by name")
          .all()
          .map(({ name }) => String(name))
      : [];
    return { damage: null, rows, migrations };
  } catch (error) {
    return { damage: (error as Error).message, rows: {}, migrations: [] };
  } finally {
    connection.close();
  }
}
