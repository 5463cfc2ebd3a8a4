import type { Kysely } from "kysely";
import type { Database, KeyHoldersTable } from "../schema.ts";

/** A server says this often that it is there, also when nothing about its keys has changed. */
export const announceEveryMs = 60_000;
/** A server that said nothing for so long is gone. */
export const goneAfterMs = 3 * announceEveryMs;

/** A server and the keys it holds, the one that should seal first. */
export interface KeyHolder {
  serverId: string;
  /** Machine and state directory, for a person. */
  place: string;
  keyIds: readonly string[];
  sealsWith: string;
}

/** Which server holds which keys. */
export function keyHolderStore(db: Kysely<Database>, now: () => number) {
  return {
    async announce({ serverId, place, keyIds, sealsWith }: KeyHolder): Promise<void> {
      const row: KeyHoldersTable = {
        server_id: serverId,
        place: place.slice(-400),
        // Of more keys than fit the last are the oldest.
        key_ids: keyIds.slice(0, 50).join(","),
        seals_with: sealsWith,
        seen_at: now(),
      };
      await db.transaction().execute(async (transaction) => {
        await transaction.deleteFrom("key_holders").where("server_id", "=", serverId).execute();
        await transaction.insertInto("key_holders").values(row).execute();
      });
    },
    /** Servers that were there a short while ago. */
    async live(): Promise<KeyHolder[]> {
      const rows = await db
        .selectFrom("key_holders")
        .selectAll()
        .where("seen_at", ">", now() - goneAfterMs)
        .orderBy("server_id")
        .execute();
      return rows.map((row) => ({
        serverId: row.server_id,
        place: row.place,
        keyIds: row.key_ids.split(","),
        sealsWith: row.seals_with,
      }));
    },
    /** The server stops, or was found to be gone. */
    async remove(serverId: string): Promise<void> {
      await db.deleteFrom("key_holders").where("server_id", "=", serverId).execute();
    },
  };
}

/** See {@link keyHolderStore}. */
export type KeyHolderStore = ReturnType<typeof keyHolderStore>;
