import type { Kysely } from "kysely";
import { fixedLimit } from "../fixed-limit.ts";
import type { Database, JobChargesTable } from "../schema.ts";

/** Notes that a job is over: nothing is planned or held for it any more. Its cost stays as it was counted. */
export async function closeCharge(transaction: Kysely<Database>, jobId: string): Promise<void> {
  await transaction
    .updateTable("job_charges")
    .set({ state: "final", planned_micros: 0, held_micros: 0 })
    .where("job_id", "=", jobId)
    .execute();
}

/** Reads and writes what each job costs. Writers pass their transaction. */
export function jobChargeStore(db: Kysely<Database>) {
  return {
    async insert(transaction: Kysely<Database>, charge: JobChargesTable): Promise<void> {
      await transaction.insertInto("job_charges").values(charge).execute();
    },
    /** The charge of a job, or null when it has no price. */
    async find(jobId: string, transaction: Kysely<Database> = db): Promise<JobChargesTable | null> {
      const row = await transaction
        .selectFrom("job_charges")
        .selectAll()
        .where("job_id", "=", jobId)
        .executeTakeFirst();
      return row ? chargeOf(row) : null;
    },
    /** Charges that grow by the second. */
    async running(limit: number): Promise<JobChargesTable[]> {
      const rows = await db
        .selectFrom("job_charges")
        .selectAll()
        .where("state", "=", "running")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map(chargeOf);
    },
    /** Writes fields of a charge that nobody has counted on since `seen` was read; false when somebody has. */
    async update(
      transaction: Kysely<Database>,
      seen: JobChargesTable,
      fields: Partial<JobChargesTable>,
    ): Promise<boolean> {
      const updated = await transaction
        .updateTable("job_charges")
        .set(fields)
        .where("job_id", "=", seen.job_id)
        .where("state", "=", seen.state)
        .where("counted_ms", "=", seen.counted_ms)
        .where("seen_uptime_ms", "=", seen.seen_uptime_ms)
        .executeTakeFirst();
      return Number(updated.numUpdatedRows) === 1;
    },
    /** Charges of one user, or (null) of everybody, that are not final, with their jobs as JSON. */
    async openWithJobs(
      userId: string | null,
      limit: number,
    ): Promise<{ charge: JobChargesTable; wire: string }[]> {
      let query = db
        .selectFrom("job_charges")
        .innerJoin("jobs", "jobs.id", "job_charges.job_id")
        .selectAll("job_charges")
        .select("jobs.wire")
        .where("job_charges.state", "in", ["waiting", "reserved", "running"]);
      if (userId !== null) query = query.where("job_charges.user_id", "=", userId);
      const rows = await query.limit(fixedLimit(limit)).execute();
      return rows.map(({ wire, ...charge }) => ({ charge: chargeOf(charge), wire }));
    },
  };
}

/** See {@link jobChargeStore}. */
export type JobChargeStore = ReturnType<typeof jobChargeStore>;

/** Some drivers answer large integers as text. */
function chargeOf(row: JobChargesTable): JobChargesTable {
  const numberOrNull = (value: number | null) => (value === null ? null : Number(value));
  return {
    ...row,
    rate_micros_per_hour: Number(row.rate_micros_per_hour),
    estimate_micros: numberOrNull(row.estimate_micros),
    from_at: numberOrNull(row.from_at),
    until_at: numberOrNull(row.until_at),
    counted_ms: Number(row.counted_ms),
    run_ms: Number(row.run_ms),
    micros: Number(row.micros),
    planned_micros: Number(row.planned_micros),
    held_micros: Number(row.held_micros),
    seen_uptime_ms: Number(row.seen_uptime_ms),
  };
}
