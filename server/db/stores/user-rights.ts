import type { Kysely } from "kysely";
import { systemLevels } from "@simpletuner-cloud/contract/levels.ts";
import type { HeldLevel, UserRights } from "../../domain/user-rights.ts";
import { compiledQueries } from "../compiled-queries.ts";
import type { Database } from "../schema.ts";

/** A user's level as the tables tell it; the columns of a built-in one are null. */
interface LevelRow {
  user_id: string;
  level_id: string;
  name: string | null;
  priority: number | null;
  grants: string | null;
}

interface OverrideRow {
  user_id: string;
  permission: string;
  granted: number;
}

const noRights: UserRights = { levels: [], overrides: [] };

/** Reads what decides over one user's rights; made for every request. */
export function userRightsStore(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    async ofUser(userId: string, transaction?: Kysely<Database>): Promise<UserRights> {
      if (transaction) return (await rightsOf(transaction, [userId])).get(userId) ?? noRights;
      const [levels, overrides] = await Promise.all([
        run<LevelRow>("levels", { userId }, (slot) =>
          heldLevels(db).where("user_levels.user_id", "=", slot<string>("userId")),
        ),
        run<OverrideRow>("overrides", { userId }, (slot) =>
          db
            .selectFrom("user_overrides")
            .select(["user_id", "permission", "granted"])
            .where("user_id", "=", slot<string>("userId")),
        ),
      ]);
      return assembled(levels, overrides);
    },
    /** The rights of several users by id. */
    ofUsers: (userIds: readonly string[]) => rightsOf(db, userIds),
  };
}

/** See {@link userRightsStore}. */
export type UserRightsStore = ReturnType<typeof userRightsStore>;

/** The rights of several users by id, as a transaction sees them. */
export async function rightsOf(
  db: Kysely<Database>,
  userIds: readonly string[],
): Promise<Map<string, UserRights>> {
  if (userIds.length === 0) return new Map();
  const levels = await heldLevels(db).where("user_levels.user_id", "in", userIds).execute();
  const overrides = await db
    .selectFrom("user_overrides")
    .select(["user_id", "permission", "granted"])
    .where("user_id", "in", userIds)
    .execute();
  const of = <Row extends { user_id: string }>(rows: readonly Row[], id: string): Row[] =>
    rows.filter((row) => row.user_id === id);
  return new Map(userIds.map((id) => [id, assembled(of(levels, id), of(overrides, id))]));
}

function heldLevels(db: Kysely<Database>) {
  return db
    .selectFrom("user_levels")
    .leftJoin("levels", "levels.id", "user_levels.level_id")
    .select([
      "user_levels.user_id",
      "user_levels.level_id",
      "levels.name",
      "levels.priority",
      "levels.grants",
    ]);
}

function assembled(levels: readonly LevelRow[], overrides: readonly OverrideRow[]): UserRights {
  return {
    levels: levels.flatMap((row) => heldLevel(row) ?? []).sort((a, b) => b.priority - a.priority),
    overrides: overrides.map(({ permission, granted }) => ({ permission, granted: Number(granted) === 1 })),
  };
}

/** Null for a level that is gone: a row that a crash or an older release left gives nothing. */
function heldLevel({ level_id, name, priority, grants }: LevelRow): HeldLevel | null {
  const builtIn = systemLevels.find(({ id }) => id === level_id);
  if (builtIn)
    return {
      id: builtIn.id,
      name: builtIn.name,
      priority: builtIn.priority,
      grants: builtIn.permissions,
    };
  if (name === null || grants === null) return null;
  return { id: level_id, name, priority: Number(priority), grants: JSON.parse(grants) as string[] };
}
