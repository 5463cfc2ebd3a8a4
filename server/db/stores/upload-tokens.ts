import type { Kysely } from "kysely";
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
    /** The credential with the status of its job, or null. */
    async byAccessKey(accessKeyId: string): Promise<(StoredUploadToken & { status: string }) | null> {
      const row = await db
        .selectFrom("upload_tokens")
        .innerJoin("jobs", "jobs.id", "upload_tokens.job_id")
        .select(["access_key_id", "job_id", "sealed_secret", "jobs.status"])
        .where("access_key_id", "=", accessKeyId)
        .executeTakeFirst();
      return row
        ? {
            accessKeyId: row.access_key_id,
            jobId: row.job_id,
            sealedSecret: row.sealed_secret,
            status: row.status,
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
    /** Removes credentials whose job is over; a crash right after a job's end leaves its own behind. */
    async removeOfFinishedJobs(): Promise<void> {
      await db
        .deleteFrom("upload_tokens")
        .where("job_id", "not in", db.selectFrom("jobs").select("id").where("status", "in", activeStatuses))
        .execute();
    },
    async removeOfJob(jobId: string): Promise<void> {
      await db.deleteFrom("upload_tokens").where("job_id", "=", jobId).execute();
    },
  };
}

/** See {@link uploadTokenStore}. */
export type UploadTokenStore = ReturnType<typeof uploadTokenStore>;
