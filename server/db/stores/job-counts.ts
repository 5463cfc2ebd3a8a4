import type { Kysely, Selectable } from "kysely";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
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

/** What is counted under a key. */
export type Counts = Pick<
  Selectable<Database["job_counts"]>,
  "jobs" | "made" | "ended" | "timed" | "duration_ms" | "cost_micros"
>;

/** Adds to what is counted under a key, inside the transaction that changes the job. */
export async function addToJobCounts(
  transaction: Kysely<Database>,
  key: CountKey,
  differences: Partial<Counts>,
): Promise<void> {
  const where = { user_id: key.user_id, job_type: key.job_type, provider: key.provider, status: key.status };
  const updated = await transaction
    .updateTable("job_counts")
    .set((row) =>
      Object.fromEntries(
        (Object.entries(differences) as [keyof Counts, number][]).map(([column, difference]) => [
          column,
          row(column, "+", difference),
        ]),
      ),
    )
    .where((row) => row.and(where))
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) === 0) {
    await transaction
      .insertInto("job_counts")
      .values({ ...where, jobs: 0, ...differences })
      .execute();
  }
}

/** Moves a job from one key to another. Every transaction locks the two rows in the same order, so none waits for each other. */
export async function moveInJobCounts(transaction: Kysely<Database>, from: CountKey, to: Job): Promise<void> {
  const moves = [[from, { jobs: -1 }] as const, [to, { jobs: 1, ...endOf(to) }] as const];
  for (const [key, differences] of from.status < to.status ? moves : moves.toReversed())
    await addToJobCounts(transaction, key, differences);
}

/** What the end of a job adds; nothing while it is not over. */
export function endOf({ is_terminal, started_at, completed_at }: Job): Partial<Counts> {
  if (!is_terminal) return {};
  if (started_at === null || completed_at === null) return { ended: 1 };
  // The clock may have been set back meanwhile, and a total never shrinks.
  const durationMs = Math.max(0, Date.parse(completed_at) - Date.parse(started_at));
  return { ended: 1, timed: 1, duration_ms: durationMs };
}

const totalled = ["jobs", "made", "ended", "timed", "duration_ms", "cost_micros"] as const;

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
    /** Everything that is counted, by status; a handful of rows whatever the number of jobs. */
    async totals(): Promise<({ status: string } & Counts)[]> {
      const rows = await run("totals", {}, () =>
        db
          .selectFrom("job_counts")
          .select((row) => ["status", ...totalled.map((column) => row.fn.sum<number>(column).as(column))])
          .groupBy("status"),
      );
      return rows.map((row) => ({
        status: row.status,
        ...(Object.fromEntries(totalled.map((column) => [column, Number(row[column])])) as unknown as Counts),
      }));
    },
  };
}

/** See {@link jobCountStore}. */
export type JobCountStore = ReturnType<typeof jobCountStore>;
