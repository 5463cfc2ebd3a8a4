import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** The audit: entries made of events, in a chain. */
export async function audit(db: Kysely<Database>): Promise<void> {
  // Who caused an event and from where, as JSON; it stays out of what event streams show.
  await db.schema.alterTable("job_events").addColumn("origin", "text").execute();
  await db.schema
    .createTable("audit_entries")
    .addColumn("id", "bigint", (column) => column.primaryKey())
    .addColumn("event_id", "bigint", (column) => column.notNull().unique())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("type", "varchar(64)", (column) => column.notNull())
    .addColumn("actor_id", "varchar(64)")
    .addColumn("actor_name", "varchar(200)")
    .addColumn("address", "varchar(64)")
    .addColumn("target_type", "varchar(32)")
    .addColumn("target_id", "varchar(200)")
    .addColumn("target_name", "varchar(200)")
    .addColumn("data", "text", (column) => column.notNull())
    .addColumn("key_id", "varchar(16)", (column) => column.notNull())
    .addColumn("hash", "varchar(64)", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("audit_by_type").on("audit_entries").columns(["type", "id"]).execute();
  await db.schema.createIndex("audit_by_actor").on("audit_entries").columns(["actor_id", "id"]).execute();
  await db.schema.createIndex("audit_by_target").on("audit_entries").columns(["target_id", "id"]).execute();
  await db.schema.createIndex("audit_by_time").on("audit_entries").columns(["at", "id"]).execute();
  // One row; who seals or archives locks it first, so that the chain has one writer on however many servers.
  await db.schema
    .createTable("audit_chain")
    .addColumn("name", "varchar(16)", (column) => column.primaryKey())
    .addColumn("last_id", "bigint", (column) => column.notNull())
    .addColumn("last_hash", "varchar(64)", (column) => column.notNull())
    .addColumn("seen_event_id", "bigint", (column) => column.notNull())
    .addColumn("start_id", "bigint", (column) => column.notNull())
    .addColumn("start_hash", "varchar(64)", (column) => column.notNull())
    .addColumn("start_proof", "varchar(64)", (column) => column.notNull())
    .execute();
  await db
    .insertInto("audit_chain")
    .values({
      name: "audit",
      last_id: 0,
      last_hash: "genesis",
      seen_event_id: 0,
      start_id: 0,
      start_hash: "genesis",
      start_proof: "",
    })
    .execute();
}
