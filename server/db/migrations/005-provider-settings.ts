import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** What administrators set for providers. */
export async function providerSettings(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("provider_settings")
    .addColumn("provider", "varchar(40)", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .addColumn("version", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("updated_by", "varchar(64)", (column) => column.notNull())
    .execute();
  // Whoever changes settings locks this row first, so that no change is made on what another one just replaced.
  await db.insertInto("counters").values({ name: "provider_settings", value: 0 }).execute();
}
