import type { Kysely } from "kysely";
import { compiledQueries } from "../compiled-queries.ts";
import type { ApiKeysTable } from "../account-tables.ts";
import type { Database } from "../schema.ts";

/** A use is written down once in this time, not at every request. */
const usedEveryMs = 60_000;

/** A key that holds, with its owner's name. */
export interface LiveApiKey {
  id: string;
  user_id: string;
  username: string;
  scopes: string | null;
  last_used_at: number | null;
}

/** Reads and writes API keys. Removals belong into `AccessStore.change`. */
export function apiKeyStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** The key of that hash, while it holds and its owner is switched on. */
    async findLive(keyHash: string, nowMs: number): Promise<LiveApiKey | null> {
      const [row] = await run<LiveApiKey>("live", { keyHash, nowMs }, (slot) =>
        db
          .selectFrom("api_keys")
          .innerJoin("users", "users.id", "api_keys.user_id")
          .select([
            "api_keys.id",
            "api_keys.user_id",
            "users.username",
            "api_keys.scopes",
            "api_keys.last_used_at",
          ])
          .where("api_keys.key_hash", "=", slot<string>("keyHash"))
          .where((key) =>
            key.or([
              key("api_keys.expires_at", "is", null),
              key("api_keys.expires_at", ">", slot<number>("nowMs")),
            ]),
          )
          .where("users.is_active", "=", 1),
      );
      return row ?? null;
    },
    /** Keys of one user, or (null) of everybody; the latest first. */
    async list(userId: string | null, transaction: Kysely<Database> = db): Promise<ApiKeysTable[]> {
      let query = transaction.selectFrom("api_keys").selectAll().orderBy("created_at", "desc").orderBy("id");
      if (userId !== null) query = query.where("user_id", "=", userId);
      return query.execute();
    },
    async find(id: string, transaction: Kysely<Database> = db): Promise<ApiKeysTable | null> {
      const row = await transaction
        .selectFrom("api_keys")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirst();
      return row ?? null;
    },
    async insert(transaction: Kysely<Database>, key: ApiKeysTable): Promise<void> {
      await transaction.insertInto("api_keys").values(key).execute();
    },
    async remove(transaction: Kysely<Database>, id: string): Promise<void> {
      await transaction.deleteFrom("api_keys").where("id", "=", id).execute();
    },
    /** Writes down that the key was used, unless that is known of the last minute. */
    async markUsed({ id, last_used_at }: LiveApiKey, nowMs: number): Promise<void> {
      if (last_used_at !== null && nowMs - Number(last_used_at) < usedEveryMs) return;
      await db.updateTable("api_keys").set({ last_used_at: nowMs }).where("id", "=", id).execute();
    },
  };
}

/** See {@link apiKeyStore}. */
export type ApiKeyStore = ReturnType<typeof apiKeyStore>;
