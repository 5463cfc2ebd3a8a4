import type { Kysely } from "kysely";
import { compiledQueries } from "../compiled-queries.ts";
import type { Database } from "../schema.ts";

/** Which job a provider's run belongs to. */
export function externalRunStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** The job of a run, also of a deleted job; null for a run that no job of this server ever was. */
    async jobOf(provider: string, externalId: string): Promise<string | null> {
      const [row] = await run("job", { provider, externalId }, (slot) =>
        db
          .selectFrom("external_runs")
          .select("job_id")
          .where("provider", "=", slot<string>("provider"))
          .where("external_id", "=", slot<string>("externalId")),
      );
      return row?.job_id ?? null;
    },
  };
}

/** See {@link externalRunStore}. */
export type ExternalRunStore = ReturnType<typeof externalRunStore>;

/** Remembers whose run it is and answers that job; a run that is known already stays its job's. */
export async function rememberRun(
  transaction: Kysely<Database>,
  run: { provider: string; externalId: string; jobId: string },
): Promise<string> {
  const { provider, externalId, jobId } = run;
  const known = await transaction
    .selectFrom("external_runs")
    .select("job_id")
    .where("provider", "=", provider)
    .where("external_id", "=", externalId)
    .executeTakeFirst();
  if (known) return known.job_id;
  await transaction
    .insertInto("external_runs")
    .values({ provider, external_id: externalId, job_id: jobId })
    .execute();
  return jobId;
}
