import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Which job a provider's run belongs to; kept when the job is deleted, so that it is never taken for somebody else's. */
export async function externalRuns(db: Kysely<Database>): Promise<void> {
  await db.schema
    .createTable("external_runs")
    .addColumn("provider", "varchar(40)", (column) => column.notNull())
    .addColumn("external_id", "varchar(128)", (column) => column.notNull())
    .addColumn("job_id", "varchar(64)", (column) => column.notNull())
    .addPrimaryKeyConstraint("external_runs_pk", ["provider", "external_id"])
    .execute();
}
