import type { Kysely } from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import type { userEndpoints } from "@simpletuner-cloud/contract/users.ts";
import type { UsersTable } from "../db/account-tables.ts";
import type { Database } from "../db/schema.ts";
import type { AuditDraft } from "../db/stores/access.ts";
import { nameKey } from "../domain/account-names.ts";
import { actorOf, grantable, refuseOutranked, subjectsOf, targetOf } from "./accounts.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import { refuseTaken, shownName, suitableHash } from "./new-account.ts";
import { newInvitation, type UserServiceOptions } from "./users.ts";

type UserHandlers = Handlers<typeof userEndpoints>;

/** One change of a user inside a transaction; answers its events beside what it answers. */
type UserWork<Answer> = (
  transaction: Kysely<Database>,
  user: UsersTable,
) => Promise<{ answer: Answer; events: readonly Omit<AuditDraft, "actor" | "target">[] }>;

/**
 * Runs one change of a user: none other runs meanwhile, the user is read anew, and whoever holds less than the user may
 * not do it.
 */
export function userChanger({ stores }: Pick<UserServiceOptions, "stores">) {
  const { access, users, rights } = stores;
  return async <Answer>(userId: string, context: RequestContext, work: UserWork<Answer>): Promise<Answer> =>
    access.change(async (transaction) => {
      const user = await users.find(userId, transaction);
      if (!user) throw fail("user_not_found", { user: userId });
      refuseOutranked(context.caller, user, await rights.ofUser(userId, transaction));
      const { answer, events } = await work(transaction, user);
      const [actor, target] = [actorOf(context), targetOf(user)];
      return { answer, events: events.map((event) => ({ ...event, actor, target })) };
    });
}

/** What administrators change of users. */
export function userChangeHandlers(options: UserServiceOptions) {
  return { ...updateHandlers(options), ...switchHandlers(options), ...accessHandlers(options) };
}

function updateHandlers(options: UserServiceOptions) {
  const { stores, shown } = options;
  const { users, levels, sessions } = stores;
  const change = userChanger(options);
  return {
    async updateUser({ params, body }, context) {
      const before = await users.find(params.user_id);
      if (!before) throw fail("user_not_found", { user: params.user_id });
      if (before.id === context.caller.userId && body.is_active === false)
        throw fail("own_account", { action: "switch off" });
      const columns = await columnsOf(body, before);
      await change(params.user_id, context, async (transaction, user) => {
        await refuseTaken(users, transaction, columns, user.id);
        if (Object.keys(columns).length > 0) await users.update(transaction, user.id, columns);
        if (body.is_admin !== undefined) {
          grantable(context.caller, ["*"], "is_admin");
          await (body.is_admin ? levels.give : levels.take)(transaction, user.id, adminLevelId);
        }
        if (body.password !== undefined || body.is_active === false) await sessions.end(transaction, user.id);
        return { answer: undefined, events: updateEvents(body) };
      });
      return shown.showOne((await users.find(params.user_id)) ?? { ...before, ...columns });
    },
    async deleteUser({ params }, context) {
      if (params.user_id === context.caller.userId) throw fail("own_account", { action: "delete" });
      await change(params.user_id, context, async (transaction, user) => {
        await users.remove(transaction, user.id);
        return { answer: undefined, events: [{ type: "user.deleted" }] };
      });
      return { success: true };
    },
  } satisfies Partial<UserHandlers>;
}

interface UserWish {
  email?: string;
  username?: string;
  display_name?: string | null;
  is_active?: boolean;
  is_admin?: boolean;
  password?: string;
}

/** The columns that a wish changes. */
async function columnsOf(wish: UserWish, user: UsersTable): Promise<Partial<Omit<UsersTable, "id">>> {
  const names = { username: wish.username ?? user.username, email: wish.email ?? user.email };
  return {
    ...(wish.username !== undefined && { username: wish.username, username_key: nameKey(wish.username) }),
    ...(wish.email !== undefined && { email: wish.email.trim(), email_key: nameKey(wish.email) }),
    ...(wish.display_name !== undefined && { display_name: shownName(wish.display_name) }),
    ...(wish.is_active !== undefined && { is_active: wish.is_active ? 1 : 0 }),
    ...(wish.password !== undefined && {
      password_hash: await suitableHash(wish.password, names),
      invite_hash: null,
      invite_expires_at: null,
    }),
  };
}

function updateEvents(wish: UserWish): Omit<AuditDraft, "actor" | "target">[] {
  const { password, is_admin, ...rest } = wish;
  const fields = Object.keys(rest);
  return [
    ...(fields.length > 0 ? [{ type: "user.updated" as const, details: { fields } }] : []),
    ...(password === undefined
      ? []
      : [{ type: "user.password.changed" as const, details: { by: "administrator" } }]),
    ...(is_admin === undefined
      ? []
      : [{ type: "user.level.changed" as const, details: { [is_admin ? "added" : "removed"]: "admin" } }]),
  ];
}

function switchHandlers(options: UserServiceOptions) {
  const { users, sessions } = options.stores;
  const change = userChanger(options);
  const setActive = async (userId: string, active: boolean, context: RequestContext) => {
    await change(userId, context, async (transaction, user) => {
      await users.update(transaction, user.id, { is_active: active ? 1 : 0 });
      if (!active) await sessions.end(transaction, user.id);
      const details = { fields: ["is_active"], is_active: active };
      return { answer: undefined, events: [{ type: "user.updated", details }] };
    });
    return { success: true as const };
  };
  return {
    async deactivateUser({ params }, context) {
      if (params.user_id === context.caller.userId) throw fail("own_account", { action: "switch off" });
      return setActive(params.user_id, false, context);
    },
    activateUser: ({ params }, context) => setActive(params.user_id, true, context),
  } satisfies Partial<UserHandlers>;
}

function accessHandlers(options: UserServiceOptions) {
  const { users, sessions, loginAttempts } = options.stores;
  const change = userChanger(options);
  return {
    async unlockUser({ params }, context) {
      await change(params.user_id, context, async (transaction, user) => {
        await loginAttempts.forget(subjectsOf(user), transaction);
        return { answer: undefined, events: [{ type: "user.unlocked" }] };
      });
      return { success: true };
    },
    async inviteUser({ params }, context) {
      const { invitation, columns } = newInvitation(options.baseUrl(), options.now());
      await change(params.user_id, context, async (transaction, user) => {
        await users.update(transaction, user.id, columns);
        const { expires_at } = invitation;
        return { answer: undefined, events: [{ type: "user.invited", details: { expires_at } }] };
      });
      return invitation;
    },
    async signOutUser({ params }, context) {
      const ended = await change(params.user_id, context, async (transaction, user) => {
        const count = await sessions.end(transaction, user.id);
        return {
          answer: count,
          events: [{ type: "auth.session.revoked", details: { sessions: count } }],
        };
      });
      return { success: true, ended };
    },
  } satisfies Partial<UserHandlers>;
}
