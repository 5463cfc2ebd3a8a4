import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** A measured value. */
export interface MetricPoint {
  key: string;
  step: number;
  value: number;
}

/** Rows of one INSERT; keeps the number of bound values below every database's limit. */
const rowsPerInsert = 200;

/** Reads and writes measured series. */
export function jobMetricStore(db: Kysely<Database>) {
  return {
    /** Writes points inside the caller's transaction; a step measured again (after a resume) replaces the old one. */
    async write(transaction: Kysely<Database>, jobId: string, points: readonly MetricPoint[]): Promise<void> {
      const latest = new Map(points.map((point) => [`${point.key} ${point.step}`, point]));
      const unique = [...latest.values()];
      for (let start = 0; start < unique.length; start += rowsPerInsert) {
        const rows = unique.slice(start, start + rowsPerInsert);
        for (const key of new Set(rows.map((row) => row.key))) {
          const steps = rows.filter((row) => row.key === key).map((row) => row.step);
          await transaction
            .deleteFrom("job_metrics")
            .where("job_id", "=", jobId)
            .where("key", "=", key)
            .where("step", "in", steps)
            .execute();
        }
        await transaction
          .insertInto("job_metrics")
          .values(rows.map((row) => ({ job_id: jobId, ...row })))
          .execute();
      }
    },
    /** One series between two steps, in order. */
    async series(
      jobId: string,
      key: string,
      from: number,
      to: number,
    ): Promise<{ steps: number[]; values: number[] }> {
      const rows = await db
        .selectFrom("job_metrics")
        .select(["step", "value"])
        .where("job_id", "=", jobId)
        .where("key", "=", key)
        .where("step", ">=", from)
        .where("step", "<=", to)
        .orderBy("step")
        .execute();
      return { steps: rows.map((row) => row.step), values: rows.map((row) => row.value) };
    },
    /** Names of the series a job has. */
    async keys(jobId: string): Promise<string[]> {
      const rows = await db
        .selectFrom("job_metrics")
        .select("key")
        .distinct()
        .where("job_id", "=", jobId)
        .orderBy("key")
        .execute();
      return rows.map((row) => row.key);
    },
  };
}

/** See {@link jobMetricStore}. */
export type JobMetricStore = ReturnType<typeof jobMetricStore>;
