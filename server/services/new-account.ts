import type { Kysely } from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { UsersTable } from "../db/account-tables.ts";
import { passwordProblem, passwordSentence } from "@simpletuner-cloud/contract/password-rules.ts";
import type { Database } from "../db/schema.ts";
import type { UserStore } from "../db/stores/users.ts";
import { nameKey } from "../domain/account-names.ts";
import { passwordSource } from "./accounts.ts";
import { hashPassword } from "./password-hash.ts";

/** What a person gives to get an account. */
export interface AccountWish {
  email: string;
  username: string;
  display_name?: string | null;
}

/** Hashes a password that will do; `password_unsuitable` naming `field` otherwise. */
export async function suitableHash(
  password: string,
  owner: { username: string; email: string },
  field = "password",
): Promise<string> {
  const problem = passwordProblem(password, owner);
  if (problem !== null)
    throw fail("password_unsuitable", { field, problem: passwordSentence(problem), kind: problem.kind });
  return hashPassword(password);
}

/** The row of a new account. */
export function newUserRow(
  id: string,
  wish: AccountWish,
  passwordHash: string | null,
  nowMs: number,
): UsersTable {
  return {
    id,
    username: wish.username,
    username_key: nameKey(wish.username),
    email: wish.email.trim(),
    email_key: nameKey(wish.email),
    display_name: shownName(wish.display_name),
    auth_source: passwordSource,
    password_hash: passwordHash,
    is_active: 1,
    invite_hash: null,
    invite_expires_at: null,
    created_at: nowMs,
    last_login_at: null,
  };
}

/** A name on screen as it is stored; an empty one is none. */
export function shownName(text: string | null | undefined): string | null {
  return text?.trim() || null;
}

/** Throws `user_exists` when another user has the name or the address; holds while access is locked. */
export async function refuseTaken(
  users: UserStore,
  transaction: Kysely<Database>,
  wanted: { username_key?: string | undefined; email_key?: string | undefined },
  ownId: string | null,
): Promise<void> {
  for (const [field, key] of [
    ["username", wanted.username_key],
    ["email", wanted.email_key],
  ] as const) {
    if (key === undefined) continue;
    const other = await users.findByKey(key, transaction);
    if (other !== null && other.id !== ownId) throw fail("user_exists", { field });
  }
}
