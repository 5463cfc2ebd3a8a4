import { hintNames, type HintName } from "@simpletuner-cloud/contract/hints.ts";
import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/**
 * Which explanations each user has put away: one row of the settings for each, so that two of a user's pages never undo
 * each other.
 */
export function hintStore(db: Kysely<Database>, now: () => number) {
  return {
    async dismissed(userId: string): Promise<HintName[]> {
      const rows = await db
        .selectFrom("settings")
        .select("name")
        .where(
          "name",
          "in",
          hintNames.map((hint) => rowName(userId, hint)),
        )
        .where("value", "=", "true")
        .execute();
      const found = new Set(rows.map(({ name }) => name));
      return hintNames.filter((hint) => found.has(rowName(userId, hint)));
    },
    async set(userId: string, hint: HintName, isDismissed: boolean): Promise<void> {
      const name = rowName(userId, hint);
      const change = { value: String(isDismissed), updated_at: now() };
      const update = () => db.updateTable("settings").set(change).where("name", "=", name).executeTakeFirst();
      if (Number((await update()).numUpdatedRows) > 0) return;
      try {
        await db
          .insertInto("settings")
          .values({ name, ...change })
          .execute();
      } catch (error) {
        // Another page of the user was first; what came last holds.
        if (!/unique|duplicate/i.test(String(error))) throw error;
        await update();
      }
    },
  };
}

/** See {@link hintStore}. */
export type HintStore = ReturnType<typeof hintStore>;

function rowName(userId: string, hint: HintName): string {
  return `hint:${hint}:${userId}`;
}
