import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Jobs, their history, logs, metrics, snapshots, counts, keys, tokens and settings. */
export async function foundation(db: Kysely<Database>): Promise<void> {
  await createJobTables(db);
  await createSideTables(db);
  await createRecordTables(db);
  await createKeyTables(db);
}

async function createJobTables(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("jobs")
    .addColumn("id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("job_type", "varchar(10)", (column) => column.notNull())
    .addColumn("provider", "varchar(40)", (column) => column.notNull())
    .addColumn("status", "varchar(16)", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("started_at", "bigint")
    .addColumn("completed_at", "bigint")
    .addColumn("cost_micros", "bigint")
    .addColumn("search_text", "varchar(400)", (column) => column.notNull())
    .addColumn("version", "integer", (column) => column.notNull())
    .addColumn("wire", "text", (column) => column.notNull())
    .addColumn("private", "text", (column) => column.notNull())
    .execute();
  // Each index goes on in the list's order, so a filtered page is one range scan whatever the table's size. The text at
  // its end lets a search look at the index alone and open only the rows it found.
  const listed = ["created_at", "id", "search_text"];
  await db.schema.createIndex("jobs_order").on("jobs").columns(listed).execute();
  for (const filter of ["status", "user_id", "provider", "job_type"] as const) {
    await db.schema
      .createIndex(`jobs_by_${filter}`)
      .on("jobs")
      .columns([filter, ...listed])
      .execute();
  }
}

async function createRecordTables(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("job_events")
    .addColumn("id", "bigint", (column) => column.primaryKey())
    .addColumn("job_id", "varchar(64)")
    .addColumn("user_id", "varchar(64)")
    .addColumn("type", "varchar(40)", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("data", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("job_events_by_job").on("job_events").columns(["job_id", "id"]).execute();
  await db.schema
    .createTable("job_logs")
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addColumn("first_line", "integer", (column) => column.notNull())
    .addColumn("line_count", "integer", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("text", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("job_logs_pk", ["job_id", "first_line"])
    .execute();
  await db.schema
    .createTable("job_metrics")
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addColumn("key", "varchar(40)", (column) => column.notNull())
    .addColumn("step", "integer", (column) => column.notNull())
    .addColumn("value", sql`double precision`, (column) => column.notNull())
    .addPrimaryKeyConstraint("job_metrics_pk", ["job_id", "key", "step"])
    .execute();
}

async function createKeyTables(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("counters")
    .addColumn("name", "varchar(40)", (column) => column.primaryKey())
    .addColumn("value", "bigint", (column) => column.notNull())
    .execute();
  await db.insertInto("counters").values({ name: "event", value: 0 }).execute();
  await db.schema
    .createTable("idempotency_keys")
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("idempotency_key", "varchar(256)", (column) => column.notNull())
    .addColumn("request_hash", "varchar(64)", (column) => column.notNull())
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("idempotency_keys_pk", ["user_id", "idempotency_key"])
    .execute();
  await db.schema
    .createTable("upload_tokens")
    .addColumn("access_key_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("job_id", "varchar(64)", (column) => column.notNull().unique())
    .addColumn("sealed_secret", "varchar(400)", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("settings")
    .addColumn("name", "varchar(64)", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
}

async function createSideTables(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("job_counts")
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("job_type", "varchar(10)", (column) => column.notNull())
    .addColumn("provider", "varchar(40)", (column) => column.notNull())
    .addColumn("status", "varchar(16)", (column) => column.notNull())
    .addColumn("jobs", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("job_counts_pk", ["user_id", "job_type", "provider", "status"])
    .execute();
  await db.schema
    .createTable("job_snapshots")
    .addColumn("job_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("config", "text", (column) => column.notNull())
    .addColumn("dataloader", "text", (column) => column.notNull())
    .addColumn("plan", "text", (column) => column.notNull())
    .execute();
}
