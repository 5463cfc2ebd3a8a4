import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import {
  type Caller,
  callerMay,
  type Permission,
  permissions,
} from "@simpletuner-cloud/contract/permissions.ts";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import type { UsersTable } from "../db/account-tables.ts";
import type { AuditDraft } from "../db/stores/access.ts";
import type { LoginAttemptStore } from "../db/stores/login-attempts.ts";
import type { UserRightsStore } from "../db/stores/user-rights.ts";
import { nameSubject } from "../domain/account-names.ts";
import { effectivePermissions, namedPermissions, type UserRights } from "../domain/user-rights.ts";
import type { RequestContext } from "./handler.ts";

/** Passwords are kept here; any other word names an identity provider. */
export const passwordSource = "password";

/** Who does it, for the audit. */
export function actorOf({ caller, client }: Pick<RequestContext, "caller" | "client">): AuditDraft["actor"] {
  return { id: caller.userId, name: caller.username, address: client.address };
}

/** A user as the audit names it. */
export function targetOf(user: Pick<UsersTable, "id" | "username">): { id: string; name: string } {
  return { id: user.id, name: user.username };
}

/** What showing users needs. */
export interface ShownUsersOptions {
  rights: UserRightsStore;
  loginAttempts: LoginAttemptStore;
}

/** Rows as users of the contract, with what they may do. */
export function shownUsers({ rights, loginAttempts }: ShownUsersOptions) {
  const show = async (rows: readonly UsersTable[]): Promise<User[]> => {
    const held = await rights.ofUsers(rows.map(({ id }) => id));
    const blocked = await loginAttempts.blockedUntil(rows.flatMap(subjectsOf));
    return rows.map((row) => {
      const until = Math.max(0, ...subjectsOf(row).map((subject) => blocked.get(subject) ?? 0));
      return userOf(row, held.get(row.id) ?? { levels: [], overrides: [] }, until === 0 ? null : until);
    });
  };
  return {
    show,
    async showOne(row: UsersTable): Promise<User> {
      const [user] = await show([row]);
      if (!user) throw new Error("one row makes one user");
      return user;
    },
  };
}

/** See {@link shownUsers}. */
export type ShownUsers = ReturnType<typeof shownUsers>;

/** Under what a user's failed attempts are counted. */
export function subjectsOf(user: Pick<UsersTable, "username_key" | "email_key">): [string, string] {
  return [nameSubject(user.username_key), nameSubject(user.email_key)];
}

function userOf(row: UsersTable, rights: UserRights, lockedUntilMs: number | null): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    display_name: row.display_name,
    avatar_url: null,
    auth_provider: row.auth_source,
    is_active: Number(row.is_active) === 1,
    is_admin: rights.levels.some(({ id }) => id === adminLevelId),
    email_verified: false,
    has_password: row.password_hash !== null,
    invite_expires_at: isoOrNull(row.invite_expires_at === null ? null : Number(row.invite_expires_at)),
    locked_until: isoOrNull(lockedUntilMs),
    created_at: new Date(Number(row.created_at)).toISOString(),
    last_login_at: isoOrNull(row.last_login_at === null ? null : Number(row.last_login_at)),
    levels: rights.levels.map(({ id, name, priority }) => ({ id, name, priority })),
    permissions: effectivePermissions(rights),
  };
}

/** The single user of a server without accounts, as a user of the contract. */
export function singleUserShown(caller: Caller, sinceMs: number): User {
  return {
    id: caller.userId,
    username: caller.username,
    email: "local@localhost",
    display_name: null,
    avatar_url: null,
    auth_provider: "none",
    is_active: true,
    is_admin: true,
    email_verified: false,
    has_password: false,
    invite_expires_at: null,
    locked_until: null,
    created_at: new Date(sinceMs).toISOString(),
    last_login_at: null,
    levels: [],
    permissions: permissions.filter((permission) => callerMay(caller, permission)),
  };
}

/**
 * The permissions that grants name, if they are permissions and the caller holds every one: nobody gives what they do
 * not have. `validation_error` or `grant_beyond_own` otherwise.
 */
export function grantable(caller: Caller, grants: readonly string[], field: string): Permission[] {
  const named = namedPermissions(grants);
  if (named === null) {
    const wrong = grants.find((grant) => namedPermissions([grant]) === null) ?? "";
    throw fail("validation_error", { field, problem: `"${wrong}" is not a permission.` });
  }
  const beyond = named.find((permission) => !callerMay(caller, permission));
  if (beyond !== undefined) throw fail("grant_beyond_own", { permission: beyond });
  return named;
}

/** Throws `user_outranks` unless the caller holds everything the user does: an account is a way to its rights. */
export function refuseOutranked(caller: Caller, user: UsersTable, rights: UserRights): void {
  const beyond = effectivePermissions(rights).find((permission) => !callerMay(caller, permission));
  if (beyond !== undefined) throw fail("user_outranks", { username: user.username, permission: beyond });
}
