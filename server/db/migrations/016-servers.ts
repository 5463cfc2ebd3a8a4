import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Which servers use the database, so that one that is to have it for itself finds the other. */
export async function servers(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("servers")
    .addColumn("server_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("run_id", "varchar(64)", (column) => column.notNull())
    .addColumn("is_shared", "integer", (column) => column.notNull())
    .addColumn("place", "varchar(400)", (column) => column.notNull())
    .addColumn("seen_at", "bigint", (column) => column.notNull())
    .execute();
  await db.insertInto("counters").values({ name: "servers", value: 0 }).execute();
}
