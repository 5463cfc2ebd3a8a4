import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

const totals = ["made", "ended", "timed", "duration_ms", "cost_micros"] as const;

/** Totals of jobs that only grow, beside the numbers of jobs that there are, for monitoring. */
export async function jobTotals(db: Kysely<Database>): Promise<void> {
  for (const name of totals)
    await db.schema
      .alterTable("job_counts")
      .addColumn(name, "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
  await db
    .updateTable("job_counts")
    .set((row) => ({ made: row.ref("jobs") }))
    .execute();
  await countEnded(db);
  await countCost(db);
}

async function countEnded(db: Kysely<Database>): Promise<void> {
  const ended = await db
    .selectFrom("jobs")
    .select(["user_id", "job_type", "provider", "status"])
    .select((row) => [
      row.fn.countAll<number>().as("ended"),
      row.fn.count<number>("started_at").as("timed"),
      sql<number | null>`sum(completed_at - started_at)`.as("duration_ms"),
    ])
    .where("completed_at", "is not", null)
    .groupBy(["user_id", "job_type", "provider", "status"])
    .execute();
  for (const { ended: jobs, timed, duration_ms, ...key } of ended)
    await db
      .updateTable("job_counts")
      .set({ ended: Number(jobs), timed: Number(timed), duration_ms: Math.max(0, Number(duration_ms ?? 0)) })
      .where((row) => row.and(key))
      .execute();
}

/** What jobs have cost so far, also those that were deleted, goes to a row of each provider that counts no job. */
async function countCost(db: Kysely<Database>): Promise<void> {
  const costs = await db
    .selectFrom("cost_days")
    .select("provider")
    .select((row) => row.fn.sum<number>("micros").as("micros"))
    .groupBy("provider")
    .execute();
  for (const { provider, micros } of costs)
    await db
      .insertInto("job_counts")
      .values({
        user_id: "",
        job_type: "",
        provider,
        status: "",
        jobs: 0,
        made: 0,
        ended: 0,
        timed: 0,
        duration_ms: 0,
        cost_micros: Number(micros),
      })
      .execute();
}
