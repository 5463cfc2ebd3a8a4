import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** What jobs cost, by job and by day, and the limits on it. */
export async function cost(db: Kysely<Database>): Promise<void> {
  await createCharges(db);
  await db.schema
    .createTable("cost_days")
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addColumn("day", "varchar(10)", (column) => column.notNull())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("provider", "varchar(40)", (column) => column.notNull())
    .addColumn("hardware", "varchar(80)", (column) => column.notNull())
    .addColumn("micros", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("cost_days_pk", ["job_id", "day"])
    .execute();
  await db.schema
    .createIndex("cost_days_by_day")
    .on("cost_days")
    .columns(["day", "provider", "user_id", "hardware", "micros"])
    .execute();
  await db.schema
    .createTable("spend_limits")
    // Empty: all providers together.
    .addColumn("provider", "varchar(40)", (column) => column.primaryKey())
    .addColumn("amount_micros", "bigint", (column) => column.notNull())
    .addColumn("period", "varchar(10)", (column) => column.notNull())
    .addColumn("action", "varchar(20)", (column) => column.notNull())
    .addColumn("slice_ms", "bigint", (column) => column.notNull())
    .addColumn("updated_at", "bigint", (column) => column.notNull())
    .addColumn("updated_by", "varchar(64)", (column) => column.notNull())
    .execute();
  // Whoever decides over money locks this row first, so that no two decide on the same sum.
  await db.insertInto("counters").values({ name: "spend", value: 0 }).execute();
}

async function createCharges(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("job_charges")
    .addColumn("job_id", "varchar(64)", (column) => column.primaryKey())
    .addColumn("user_id", "varchar(64)", (column) => column.notNull())
    .addColumn("provider", "varchar(40)", (column) => column.notNull())
    .addColumn("hardware", "varchar(80)", (column) => column.notNull())
    .addColumn("rate_micros_per_hour", "bigint", (column) => column.notNull())
    .addColumn("estimate_micros", "bigint")
    .addColumn("state", "varchar(10)", (column) => column.notNull())
    .addColumn("run_token", "varchar(40)")
    .addColumn("from_at", "bigint")
    .addColumn("until_at", "bigint")
    .addColumn("counted_ms", "bigint", (column) => column.notNull())
    .addColumn("run_ms", "bigint", (column) => column.notNull())
    .addColumn("micros", "bigint", (column) => column.notNull())
    .addColumn("planned_micros", "bigint", (column) => column.notNull())
    .addColumn("held_micros", "bigint", (column) => column.notNull())
    .addColumn("seen_uptime_ms", "bigint", (column) => column.notNull())
    .addColumn("seen_boot_id", "varchar(64)", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("job_charges_by_state")
    .on("job_charges")
    .columns(["state", "provider"])
    .execute();
}
