import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type Kysely, sql } from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Engine } from "../engine.ts";
import type { Database } from "../schema.ts";
import { databaseStats } from "./database-stats.ts";
import { tableShapes } from "./table-shapes.ts";

/** Size of the database in bytes, before and after. */
export interface Vacuumed {
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Gives unused space back and renews what queries are planned with; nothing that is stored changes. */
export async function vacuumDatabase(
  db: Kysely<Database>,
  kind: Engine["kind"],
  path: string | null,
): Promise<Vacuumed> {
  const { sizeBytes: beforeBytes } = await databaseStats(db, kind);
  if (path !== null) await refuseWithoutSpace(path, beforeBytes);
  await works[kind](db);
  const { sizeBytes: afterBytes } = await databaseStats(db, kind);
  return { beforeBytes, afterBytes };
}

const works: Readonly<Record<Engine["kind"], (db: Kysely<Database>) => Promise<void>>> = {
  async sqlite(db) {
    await sql`vacuum`.execute(db);
    await sql`pragma optimize`.execute(db);
    // Else the log stays as large as the whole database.
    await sql`pragma wal_checkpoint(truncate)`.execute(db);
  },
  async postgres(db) {
    for (const { name } of await tableShapes(db, "postgres"))
      await sql`vacuum (analyze) ${sql.table(name)}`.execute(db);
  },
  async mysql(db) {
    for (const { name } of await tableShapes(db, "mysql")) {
      // InnoDB makes the table anew while it is read and written, and counts its rows.
      const { rows } = await sql<{
        Msg_type: string;
        Msg_text: string;
      }>`optimize table ${sql.table(name)}`.execute(db);
      const error = rows.find((row) => row.Msg_type.toLowerCase() === "error");
      if (error) throw fail("database_busy", { reason: error.Msg_text });
    }
  },
};

/** SQLite writes the whole database once more, then into its log. */
async function refuseWithoutSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  if (free < 2 * bytes) throw fail("disk_full", { path, free: `${Math.floor(free / 2 ** 20)} MiB` });
}
