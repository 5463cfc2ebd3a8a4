import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Where the audit is sent to, and how far that has come. */
export async function auditExports(db: Kysely<Database>): Promise<void> {
  // One row while it is sent, none while it is not.
  await db.schema
    .createTable("audit_exports")
    .addColumn("name", "varchar(16)", (column) => column.primaryKey())
    .addColumn("revision", "varchar(32)", (column) => column.notNull())
    .addColumn("format", "varchar(16)", (column) => column.notNull())
    .addColumn("url", "text", (column) => column.notNull())
    .addColumn("scheme", "varchar(40)", (column) => column.notNull())
    .addColumn("sealed_token", "text")
    .addColumn("security_only", "integer", (column) => column.notNull())
    .addColumn("position", "bigint", (column) => column.notNull())
    .addColumn("last_sent_id", "bigint")
    .addColumn("last_sent_at", "bigint")
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("problem", "text")
    .addColumn("problem_entry", "bigint")
    .addColumn("failing_since", "bigint")
    .addColumn("next_try_at", "bigint")
    .addColumn("changed_at", "bigint", (column) => column.notNull())
    .addColumn("changed_by", "varchar(200)", (column) => column.notNull())
    .execute();
}
