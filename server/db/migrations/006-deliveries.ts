import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Places that results go to, and the results on their way there. */
export async function deliveries(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("destinations")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("name", "varchar(80)", (column) => column.notNull().unique())
    .addColumn("is_default", "integer", (column) => column.notNull())
    .addColumn("settings", "text", (column) => column.notNull())
    .addColumn("sealed_secret", "varchar(1000)")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("deliveries")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addColumn("destination_id", "varchar(64)", (column) => column.notNull())
    .addColumn("status", "varchar(16)", (column) => column.notNull())
    .addColumn("due_at", "bigint")
    .addColumn("lease", "varchar(40)")
    .addColumn("lease_until", "bigint")
    .addColumn("version", "bigint", (column) => column.notNull())
    .addColumn("wire", "text", (column) => column.notNull())
    .addColumn("memory", "text", (column) => column.notNull())
    .execute();
  // One delivery of a job to a place, whoever orders it how often.
  await db.schema
    .createIndex("deliveries_by_job")
    .on("deliveries")
    .columns(["job_id", "destination_id"])
    .unique()
    .execute();
  await db.schema.createIndex("deliveries_due").on("deliveries").columns(["status", "due_at"]).execute();
  await db.schema
    .createIndex("deliveries_by_destination")
    .on("deliveries")
    .columns(["destination_id", "status"])
    .execute();
}
