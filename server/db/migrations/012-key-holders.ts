import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Which server holds which keys, so that none seals with a key that another cannot open. */
export async function keyHolders(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("key_holders")
    .addColumn("server_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("place", "varchar(400)", (column) => column.notNull())
    .addColumn("key_ids", "varchar(1000)", (column) => column.notNull())
    .addColumn("seals_with", "varchar(16)", (column) => column.notNull())
    .addColumn("seen_at", "bigint", (column) => column.notNull())
    .execute();
}
