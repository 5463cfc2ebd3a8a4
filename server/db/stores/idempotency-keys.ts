import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** Reads idempotency keys; they are written together with the job they name. */
export function idempotencyKeyStore(db: Kysely<Database>, now: () => number) {
  return {
    /** The job that an unexpired key of the user names, with the hash of its request. */
    async find(userId: string, key: string): Promise<{ jobId: string; requestHash: string } | null> {
      await db
        .deleteFrom("idempotency_keys")
        .where("user_id", "=", userId)
        .where("idempotency_key", "=", key)
        .where("expires_at", "<=", now())
        .execute();
      const row = await db
        .selectFrom("idempotency_keys")
        .select(["job_id", "request_hash"])
        .where("user_id", "=", userId)
        .where("idempotency_key", "=", key)
        .executeTakeFirst();
      return row ? { jobId: row.job_id, requestHash: row.request_hash } : null;
    },
  };
}

/** See {@link idempotencyKeyStore}. */
export type IdempotencyKeyStore = ReturnType<typeof idempotencyKeyStore>;
