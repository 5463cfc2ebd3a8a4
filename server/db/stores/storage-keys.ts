import type { Kysely } from "kysely";
import type { Database, StorageKeysTable } from "../schema.ts";

/** A use is written down once in this time, not at every request. */
const usedEveryMs = 60_000;

/** Reads and writes people's access keys for the storage endpoint. */
export function storageKeyStore(db: Kysely<Database>, now: () => number) {
  return {
    async insert(key: StorageKeysTable): Promise<void> {
      await db.insertInto("storage_keys").values(key).execute();
    },
    /** Keys of one user, or (null) of everybody; oldest first. */
    async list(userId: string | null): Promise<StorageKeysTable[]> {
      let query = db.selectFrom("storage_keys").selectAll().orderBy("created_at").orderBy("access_key_id");
      if (userId !== null) query = query.where("user_id", "=", userId);
      return query.execute();
    },
    async find(accessKeyId: string): Promise<StorageKeysTable | null> {
      const row = await db
        .selectFrom("storage_keys")
        .selectAll()
        .where("access_key_id", "=", accessKeyId)
        .executeTakeFirst();
      return row ?? null;
    },
    /** Writes down that the key was used, unless that is known of the last minute. */
    async markUsed({ access_key_id, last_used_at }: StorageKeysTable): Promise<void> {
      const atMs = now();
      if (last_used_at !== null && atMs - Number(last_used_at) < usedEveryMs) return;
      await db
        .updateTable("storage_keys")
        .set({ last_used_at: atMs })
        .where("access_key_id", "=", access_key_id)
        .execute();
    },
    async remove(accessKeyId: string): Promise<void> {
      await db.deleteFrom("storage_keys").where("access_key_id", "=", accessKeyId).execute();
    },
  };
}

/** See {@link storageKeyStore}. */
export type StorageKeyStore = ReturnType<typeof storageKeyStore>;
