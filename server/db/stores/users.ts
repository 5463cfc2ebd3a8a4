import type { Kysely } from "kysely";
import { compiledQueries } from "../compiled-queries.ts";
import { fixedLimit } from "../fixed-limit.ts";
import type { UsersTable } from "../account-tables.ts";
import type { Database } from "../schema.ts";
import { likePattern } from "./job-list.ts";

/** Which users a list shows. */
export interface UserFilter {
  /** In the form of {@link UsersTable}'s keys. */
  text?: string;
  includeInactive: boolean;
}

/** Reads and writes users. Writes belong into `AccessStore.change`. */
export function userStore(db: Kysely<Database>) {
  return { ...userReads(db), ...userWrites() };
}

/** See {@link userStore}. */
export type UserStore = ReturnType<typeof userStore>;

function userReads(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** Whether anybody has an account. */
    async any(): Promise<boolean> {
      const rows = await run("any", {}, () => db.selectFrom("users").select("id").limit(fixedLimit(1)));
      return rows.length > 0;
    },
    async count(transaction: Kysely<Database> = db): Promise<number> {
      const row = await transaction
        .selectFrom("users")
        .select((user) => user.fn.countAll<number>().as("users"))
        .executeTakeFirstOrThrow();
      return Number(row.users);
    },
    async find(id: string, transaction: Kysely<Database> = db): Promise<UsersTable | null> {
      const row = await transaction.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst();
      return row ?? null;
    },
    /** The user of that name or address, both as keys. */
    async findByKey(key: string, transaction: Kysely<Database> = db): Promise<UsersTable | null> {
      const row = await transaction
        .selectFrom("users")
        .selectAll()
        .where((user) => user.or([user("username_key", "=", key), user("email_key", "=", key)]))
        .executeTakeFirst();
      return row ?? null;
    },
    async findByInvite(inviteHash: string, nowMs: number): Promise<UsersTable | null> {
      const row = await db
        .selectFrom("users")
        .selectAll()
        .where("invite_hash", "=", inviteHash)
        .where("invite_expires_at", ">", nowMs)
        .where("is_active", "=", 1)
        .executeTakeFirst();
      return row ?? null;
    },
    /** Names of users by id; who is gone is left out. */
    async names(ids: readonly string[]): Promise<Map<string, string>> {
      if (ids.length === 0) return new Map();
      const rows = await db.selectFrom("users").select(["id", "username"]).where("id", "in", ids).execute();
      return new Map(rows.map(({ id, username }) => [id, username]));
    },
    /** A page by name, and how many match in all. */
    async page(filter: UserFilter, limit: number, offset: number) {
      const matching = filtered(db, filter);
      const users = await matching
        .selectAll()
        .orderBy("username_key")
        .limit(fixedLimit(limit))
        .offset(fixedLimit(offset))
        .execute();
      const { total } = await matching
        .select((user) => user.fn.countAll<number>().as("total"))
        .executeTakeFirstOrThrow();
      return { users, total: Number(total) };
    },
  };
}

function filtered(db: Kysely<Database>, { text, includeInactive }: UserFilter) {
  let query = db.selectFrom("users");
  if (!includeInactive) query = query.where("is_active", "=", 1);
  if (text !== undefined && text !== "")
    query = query.where((user) =>
      user.or([
        user("username_key", "like", likePattern(text)),
        user("email_key", "like", likePattern(text)),
      ]),
    );
  return query;
}

function userWrites() {
  return {
    async insert(transaction: Kysely<Database>, user: UsersTable): Promise<void> {
      await transaction.insertInto("users").values(user).execute();
    },
    async update(
      transaction: Kysely<Database>,
      id: string,
      change: Partial<Omit<UsersTable, "id">>,
    ): Promise<void> {
      await transaction.updateTable("users").set(change).where("id", "=", id).execute();
    },
    /**
     * Writes down a sign-in, if the user still has the password that was checked and is switched on. The row stays locked
     * until the transaction ends, so that a change of the password meanwhile ends this session too.
     */
    async signIn(
      transaction: Kysely<Database>,
      id: string,
      checkedHash: string,
      change: { last_login_at: number; password_hash?: string },
    ): Promise<boolean> {
      const updated = await transaction
        .updateTable("users")
        .set(change)
        .where("id", "=", id)
        .where("password_hash", "=", checkedHash)
        .where("is_active", "=", 1)
        .executeTakeFirst();
      return Number(updated.numUpdatedRows) === 1;
    },
    /** Removes a user with everything that opens a door; what the user made stays. */
    async remove(transaction: Kysely<Database>, id: string): Promise<void> {
      for (const table of ["user_levels", "user_overrides", "sessions", "api_keys", "storage_keys"] as const)
        await transaction.deleteFrom(table).where("user_id", "=", id).execute();
      await transaction.deleteFrom("users").where("id", "=", id).execute();
    },
  };
}
