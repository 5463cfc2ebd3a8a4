import type { Kysely } from "kysely";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { dayOf } from "../../domain/spend-limit.ts";
import type { Database } from "../schema.ts";
import { addToJobCounts } from "./job-counts.ts";

/**
 * Books the difference between a job's old and new cost on today, inside the transaction that changes the job, so that
 * all days of a job together are always its cost. What turns out to have cost less is taken off its newest days.
 */
export async function bookCost(
  transaction: Kysely<Database>,
  job: Job,
  differenceMicros: number,
  nowMs: number,
): Promise<void> {
  if (differenceMicros === 0) return;
  await addToJobCounts(transaction, job, { cost_micros: differenceMicros });
  if (differenceMicros > 0) return addToDay(transaction, job, dayOf(nowMs), differenceMicros);
  let tooMuch = -differenceMicros;
  const days = await transaction
    .selectFrom("cost_days")
    .select(["day", "micros"])
    .where("job_id", "=", job.job_id)
    .orderBy("day", "desc")
    .execute();
  for (const { day, micros } of days) {
    const off = Math.min(tooMuch, Number(micros));
    if (off > 0) await addToDay(transaction, job, day, -off);
    tooMuch -= off;
  }
}

async function addToDay(
  transaction: Kysely<Database>,
  job: Job,
  day: string,
  differenceMicros: number,
): Promise<void> {
  const updated = await transaction
    .updateTable("cost_days")
    .set((row) => ({ micros: row("micros", "+", differenceMicros) }))
    .where("job_id", "=", job.job_id)
    .where("day", "=", day)
    .executeTakeFirst();
  if (Number(updated.numUpdatedRows) > 0) return;
  const charge = await transaction
    .selectFrom("job_charges")
    .select("hardware")
    .where("job_id", "=", job.job_id)
    .executeTakeFirst();
  await transaction
    .insertInto("cost_days")
    .values({
      job_id: job.job_id,
      day,
      user_id: job.user_id,
      provider: job.provider,
      hardware: (charge?.hardware ?? job.hardware_type ?? "").slice(0, 80),
      micros: differenceMicros,
    })
    .execute();
}

/** Days and whose money a summary is about. */
export interface CostFilter {
  /** First and last day, both included, as `2026-01-31`. */
  from: string;
  to: string;
  /** One user; null: everybody. */
  userId: string | null;
}

/** What was spent under one heading. */
export interface CostGroup {
  micros: number;
  jobs: number;
}

/** Sums what jobs cost. Jobs that were deleted count: their money is spent. */
export function costDayStore(db: Kysely<Database>) {
  const during = ({ from, to, userId }: CostFilter) => {
    const query = db.selectFrom("cost_days").where("day", ">=", from).where("day", "<=", to);
    return userId === null ? query : query.where("user_id", "=", userId);
  };
  return {
    /** Sums by the columns, the dearest first. */
    async by<Column extends "day" | "provider" | "hardware" | "user_id">(
      filter: CostFilter,
      columns: readonly Column[],
    ): Promise<(Record<Column, string> & CostGroup)[]> {
      const rows = await during(filter)
        .select(columns as readonly ("day" | "provider" | "hardware" | "user_id")[])
        .select((row) => [
          row.fn.sum<number>("micros").as("micros"),
          row.fn.count<number>("job_id").distinct().as("jobs"),
        ])
        .groupBy(columns as readonly ("day" | "provider" | "hardware" | "user_id")[])
        .orderBy("micros", "desc")
        .execute();
      return rows.map((row) => ({
        ...(row as unknown as Record<Column, string>),
        micros: Number(row.micros),
        jobs: Number(row.jobs),
      }));
    },
    /** What all of it comes to. */
    async total(filter: CostFilter): Promise<CostGroup> {
      const row = await during(filter)
        .select((columns) => [
          columns.fn.sum<number | null>("micros").as("micros"),
          columns.fn.count<number>("job_id").distinct().as("jobs"),
        ])
        .executeTakeFirstOrThrow();
      return { micros: Number(row.micros ?? 0), jobs: Number(row.jobs) };
    },
  };
}

/** See {@link costDayStore}. */
export type CostDayStore = ReturnType<typeof costDayStore>;
