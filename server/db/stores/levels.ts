import type { Kysely } from "kysely";
import { systemLevels } from "@simpletuner-cloud/contract/levels.ts";
import type { LevelsTable } from "../account-tables.ts";
import type { Database } from "../schema.ts";

/** A level with the number of those who hold it. */
export interface StoredLevel {
  id: string;
  name: string;
  description: string;
  priority: number;
  isSystem: boolean;
  grants: readonly string[];
  users: number;
}

/** What of a level may be changed. */
export type LevelChange = Partial<
  Pick<LevelsTable, "name" | "name_key" | "description" | "priority" | "grants">
>;

/** Reads and writes levels and who holds them. Writes belong into `AccessStore.change`. */
export function levelStore(db: Kysely<Database>) {
  return {
    /** Built-in levels and those beside them, the strongest first. */
    async list(transaction: Kysely<Database> = db): Promise<StoredLevel[]> {
      const own = await transaction.selectFrom("levels").selectAll().execute();
      const counts = await transaction
        .selectFrom("user_levels")
        .select((row) => ["level_id", row.fn.countAll<number>().as("users")])
        .groupBy("level_id")
        .execute();
      const users = new Map(counts.map((row) => [row.level_id, Number(row.users)]));
      const all = [
        ...systemLevels.map(({ permissions, ...level }) => ({
          ...level,
          isSystem: true,
          grants: permissions,
        })),
        ...own.map((row) => ({
          id: row.id,
          name: row.name,
          description: row.description,
          priority: Number(row.priority),
          isSystem: false,
          grants: JSON.parse(row.grants) as string[],
        })),
      ];
      return all
        .map((level) => ({ ...level, users: users.get(level.id) ?? 0 }))
        .sort((a, b) => b.priority - a.priority || a.name.localeCompare(b.name));
    },
    ...levelWrites,
    ...holdings,
  };
}

/** See {@link levelStore}. */
export type LevelStore = ReturnType<typeof levelStore>;

const levelWrites = {
  async insert(transaction: Kysely<Database>, level: LevelsTable): Promise<void> {
    await transaction.insertInto("levels").values(level).execute();
  },
  async update(transaction: Kysely<Database>, id: string, change: LevelChange): Promise<void> {
    await transaction.updateTable("levels").set(change).where("id", "=", id).execute();
  },
  /** Removes a level, also from those who hold it. */
  async remove(transaction: Kysely<Database>, id: string): Promise<void> {
    await transaction.deleteFrom("user_levels").where("level_id", "=", id).execute();
    await transaction.deleteFrom("levels").where("id", "=", id).execute();
  },
};

const holdings = {
  take,
  async give(transaction: Kysely<Database>, userId: string, levelId: string): Promise<void> {
    await take(transaction, userId, levelId);
    await transaction.insertInto("user_levels").values({ user_id: userId, level_id: levelId }).execute();
  },
  /** Gives or denies one permission; null leaves it to the levels. */
  async override(
    transaction: Kysely<Database>,
    userId: string,
    permission: string,
    granted: boolean | null,
  ): Promise<void> {
    await transaction
      .deleteFrom("user_overrides")
      .where("user_id", "=", userId)
      .where("permission", "=", permission)
      .execute();
    if (granted === null) return;
    await transaction
      .insertInto("user_overrides")
      .values({ user_id: userId, permission, granted: granted ? 1 : 0 })
      .execute();
  },
};

async function take(transaction: Kysely<Database>, userId: string, levelId: string): Promise<void> {
  await transaction
    .deleteFrom("user_levels")
    .where("user_id", "=", userId)
    .where("level_id", "=", levelId)
    .execute();
}
