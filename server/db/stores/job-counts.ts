import type { Kysely } from "kysely";
import { compiledQueries } from "../compiled-queries.ts";
import type { Database } from "../schema.ts";

/** What a job is counted under. */
export interface CountKey {
  user_id: string;
  job_type: string;
  provider: string;
  status: string;
}

/** The filters whose totals are kept exactly. */
export type CountFilter = Partial<Omit<CountKey, "status">>;

/** Adds to the number of jobs under a key, inside the transaction that moves the job. */
export async function addToJobCounts(
  transaction: Kysely<Database>,
  key: CountKey,
  difference: number,
): Promise<void> {
  const where = { user_id: key.user_id, job_type: key.job_type, provider: key.provider, status: key.status };
  const updated = await transaction
    .updateTable("job_counts")
    .set((row) => ({ jobs: row("jobs", "+", difference) }))
    .where((row) => row.and(where))
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) === 0) {
    await transaction
      .insertInto("job_counts")
      .values({ ...where, jobs: difference })
      .execute();
  }
}

/** Moves a job from one key to another. Every transaction locks the two rows in the same order, so none waits for each other. */
export async function moveInJobCounts(
  transaction: Kysely<Database>,
  from: CountKey,
  to: CountKey,
): Promise<void> {
  const moves = [[from, -1] as const, [to, 1] as const];
  for (const [key, difference] of from.status < to.status ? moves : moves.toReversed())
    await addToJobCounts(transaction, key, difference);
}

/** Reads how many jobs there are. */
export function jobCountStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** Jobs by status under the filters; a handful of rows whatever the number of jobs. */
    async byStatus(filter: CountFilter): Promise<Record<string, number>> {
      const columns = (["user_id", "job_type", "provider"] as const).filter(
        (column) => filter[column] !== undefined,
      );
      const rows = await run(columns.join(), filter, (slot) => {
        const query = db
          .selectFrom("job_counts")
          .select((row) => ["status", row.fn.sum<number>("jobs").as("jobs")])
          .groupBy("status");
        return columns.reduce((narrowed, column) => narrowed.where(column, "=", slot<string>(column)), query);
      });
      const counts: Record<string, number> = {};
      for (const row of rows) if (Number(row.jobs) > 0) counts[row.status] = Number(row.jobs);
      return counts;
    },
  };
}

/** See {@link jobCountStore}. */
export type JobCountStore = ReturnType<typeof jobCountStore>;
