import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** What has an owner. */
export type OwnedKind = "config" | "dataloader";

/** Who saved a configuration or a dataset list. The files know nothing of users, since other programs read them. */
export function configOwnerStore(db: Kysely<Database>) {
  return {
    /** The owner's id; null for what came without one, as a file or from before there were accounts. */
    async find(kind: OwnedKind, name: string): Promise<string | null> {
      const row = await db
        .selectFrom("config_owners")
        .select("user_id")
        .where("kind", "=", kind)
        .where("name", "=", name)
        .executeTakeFirst();
      return row?.user_id ?? null;
    },
    async set(kind: OwnedKind, name: string, userId: string): Promise<void> {
      await db.transaction().execute(async (transaction) => {
        const updated = await transaction
          .updateTable("config_owners")
          .set({ user_id: userId })
          .where("kind", "=", kind)
          .where("name", "=", name)
          .executeTakeFirst();
        if (Number(updated.numUpdatedRows) === 0)
          await transaction.insertInto("config_owners").values({ kind, name, user_id: userId }).execute();
      });
    },
    async remove(kind: OwnedKind, name: string): Promise<void> {
      await db.deleteFrom("config_owners").where("kind", "=", kind).where("name", "=", name).execute();
    },
  };
}

/** See {@link configOwnerStore}. */
export type ConfigOwnerStore = ReturnType<typeof configOwnerStore>;
