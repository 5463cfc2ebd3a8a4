import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { Database } from "../schema.ts";

type Terminal = (typeof terminalStatuses)[number];

/** Jobs that are over, by their age. A job that is under way is never among them, however old it is. */
export function endedJobStore(db: Kysely<Database>) {
  const endedBefore = <Chosen>(
    query: SelectQueryBuilder<Database, "jobs", Chosen>,
    beforeMs: number,
    statuses: readonly Terminal[],
  ) =>
    query
      .where("status", "in", statuses)
      // It began before it ended: the index on this one finds them.
      .where("created_at", "<", beforeMs)
      .where("completed_at", "<", beforeMs);
  return {
    /** Ids of jobs that were over before then, oldest first. */
    async idsBefore(
      beforeMs: number,
      limit: number,
      statuses: readonly Terminal[] = terminalStatuses,
    ): Promise<string[]> {
      const rows = await endedBefore(db.selectFrom("jobs").select("id"), beforeMs, statuses)
        .orderBy("created_at")
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(({ id }) => id);
    },
    async countBefore(beforeMs: number, statuses: readonly Terminal[] = terminalStatuses): Promise<number> {
      const counted = db.selectFrom("jobs").select(sql<number>`count(*)`.as("jobs"));
      const row = await endedBefore(counted, beforeMs, statuses).executeTakeFirstOrThrow();
      return Number(row.jobs);
    },
    /** Every measured value of a job. */
    metricsOf: (jobId: string) =>
      db
        .selectFrom("job_metrics")
        .select(["key", "step", "value"])
        .where("job_id", "=", jobId)
        .orderBy("key")
        .orderBy("step")
        .execute(),
  };
}

/** See {@link endedJobStore}. */
export type EndedJobStore = ReturnType<typeof endedJobStore>;
