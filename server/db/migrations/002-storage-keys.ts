import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Access keys that people make for their S3 clients. */
export async function storageKeys(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("storage_keys")
    .addColumn("access_key_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("name", "varchar(80)", (column) => column.notNull())
    .addColumn("access", "varchar(16)", (column) => column.notNull())
    .addColumn("sealed_secret", "varchar(400)", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .addColumn("expires_at", "bigint")
    .execute();
  await db.schema
    .createIndex("storage_keys_by_user")
    .on("storage_keys")
    .columns(["user_id", "created_at"])
    .execute();
}
