import type { DatabaseSync } from "node:sqlite";
import { type Kysely, sql } from "kysely";
import type { Engine, Migrating } from "../engine.ts";
import type { Database } from "../schema.ts";
import { nodeSqliteDialect } from "../sqlite-driver.ts";

/** SQLite's word for: another process wrote after this transaction began to read (sqlite.org/rescode.html). */
const busySnapshot = 517;

/** A SQLite file that is open. */
export function sqliteEngine(connection: DatabaseSync): Engine {
  const engine: Engine = {
    kind: "sqlite",
    name: "SQLite",
    dialect: nodeSqliteDialect(connection),
    // Writers come one after another, so a row that is there was there before.
    verdict: (error) => ((error as { errcode?: unknown }).errcode === busySnapshot ? "conflict" : null),
    alone,
    patient: async () => engine,
  };
  return engine;
}

async function alone<Answer>(
  db: Kysely<Database>,
  work: (migrating: Migrating) => Promise<Answer>,
): Promise<Answer> {
  return db.connection().execute(async (connection) => {
    // At once, not at the first write: two that read first would both find the same to do.
    await sql`begin immediate`.execute(connection);
    try {
      const answer = await work({ db: connection, apply: (_, up) => up(connection) });
      await sql`commit`.execute(connection);
      return answer;
    } catch (error) {
      await sql`rollback`.execute(connection);
      throw error;
    }
  });
}
