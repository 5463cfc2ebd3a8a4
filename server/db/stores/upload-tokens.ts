import { type Kysely, sql } from "kysely";
import { activeStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import type { Database } from "../schema.ts";

/** A job's storage credential; the secret is sealed. */
export interface StoredUploadToken {
  accessKeyId: string;
  jobId: string;
  sealedSecret: string;
}

/** Reads and writes the storage credentials of jobs. */
export function uploadTokenStore(db: Kysely<Database>, now: () => number) {
  return {
    async insert(token: StoredUploadToken): Promise<void> {
      await db
        .insertInto("upload_tokens")
        .values({
          access_key_id: token.accessKeyId,
          job_id: token.jobId,
          sealed_secret: token.sealedSecret,
          created_at: now(),
        })
        .execute();
    },
    /** The credential with the end of its job, or null. */
    async byAccessKey(
      accessKeyId: string,
    ): Promise<(StoredUploadToken & { completedAtMs: number | null }) | null> {
      const row = await db
        .selectFrom("upload_tokens")
        .innerJoin("jobs", "jobs.id", "upload_tokens.job_id")
        .select(["access_key_id", "job_id", "sealed_secret", "jobs.completed_at"])
        .where("access_key_id", "=", accessKeyId)
        .executeTakeFirst();
      return row
        ? {
            accessKeyId: row.access_key_id,
            jobId: row.job_id,
            sealedSecret: row.sealed_secret,
            completedAtMs: row.completed_at === null ? null : Number(row.completed_at),
          }
        : null;
    },
    async byJob(jobId: string): Promise<StoredUploadToken | null> {
      const row = await db
        .selectFrom("upload_tokens")
        .select(["access_key_id", "job_id", "sealed_secret"])
        .where("job_id", "=", jobId)
        .executeTakeFirst();
      return row
        ? { accessKeyId: row.access_key_id, jobId: row.job_id, sealedSecret: row.sealed_secret }
        : null;
    },
    /** Removes credentials whose job was over by then, or is gone; a crash right after an end leaves them behind. */
    async removeOfJobsOverBefore(atMs: number): Promise<void> {
      await db
        .deleteFrom("upload_tokens")
        .where((token) => token.not(token.exists(jobsOpenSince(db, atMs))))
        .execute();
    },
    async removeOfJob(jobId: string): Promise<void> {
      await db.deleteFrom("upload_tokens").where("job_id", "=", jobId).execute();
    },
  };
}

/** See {@link uploadTokenStore}. */
export type UploadTokenStore = ReturnType<typeof uploadTokenStore>;

/** The token's job, if it is active or ended since then: one look by key for each token, however many jobs there are. */
function jobsOpenSince(db: Kysely<Database>, atMs: number) {
  return db
    .selectFrom("jobs")
    .select("jobs.id")
    .where("jobs.id", "=", sql.ref<string>("upload_tokens.job_id"))
    .where((job) => job.or([job("status", "in", activeStatuses), job("completed_at", ">=", atMs)]));
}
