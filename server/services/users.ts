import { uuidv7 } from "uuidv7";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import { permissions } from "@simpletuner-cloud/contract/permissions.ts";
import type { Invitation, userEndpoints } from "@simpletuner-cloud/contract/users.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { nameKey } from "../domain/account-names.ts";
import { newToken, tokenHash } from "../domain/secret-token.ts";
import { verdictOn } from "../domain/user-rights.ts";
import { actorOf, grantable, type ShownUsers, targetOf } from "./accounts.ts";
import type { Credentials } from "./credentials.ts";
import type { Handlers } from "./handler.ts";
import { newUserRow, refuseTaken, suitableHash } from "./new-account.ts";
import { ownAccount } from "./own-account.ts";
import { levelNamed } from "./registration.ts";
import { userChangeHandlers } from "./user-changes.ts";
import { userRightsHandlers } from "./user-rights.ts";

const invitationMs = 7 * 24 * 3_600_000;

/** What users need. */
export interface UserServiceOptions {
  stores: Stores;
  credentials: Credentials;
  shown: ShownUsers;
  now: () => number;
  /** This server's address as people reach it. */
  baseUrl: () => string;
}

type UserHandlers = Handlers<typeof userEndpoints>;

/** People and what they may do. */
export function userService(options: UserServiceOptions): UserHandlers {
  const account = ownAccount(options);
  return {
    me: async (_input, { caller }) => account.show(caller),
    myProfile: async (_input, { caller }) => account.show(caller),
    updateMyProfile: ({ body }, context) => account.updateProfile(body, context),
    setMyPassword: ({ body }, context) => account.changePassword(body, context),
    ...userReadHandlers(options),
    createUser: userCreation(options),
    ...userChangeHandlers(options),
    ...userRightsHandlers(options),
  };
}

function userReadHandlers({ stores, credentials, shown }: UserServiceOptions) {
  const { users, rights } = stores;
  return {
    async authStatus() {
      return {
        in_use: await credentials.hasAccounts(),
        user_count: await users.count(),
        has_external_providers: false,
      };
    },
    async listUsers({ query }) {
      const filter = { text: nameKey(query.q ?? ""), includeInactive: query.include_inactive ?? false };
      const page = await users.page(filter, query.limit ?? 100, query.offset ?? 0);
      return { users: await shown.show(page.users), total: page.total };
    },
    async getUser({ params }) {
      const user = await users.find(params.user_id);
      if (!user) throw fail("user_not_found", { user: params.user_id });
      return shown.showOne(user);
    },
    async userPermissions({ params }) {
      if (!(await users.find(params.user_id))) throw fail("user_not_found", { user: params.user_id });
      const held = await rights.ofUser(params.user_id);
      return {
        permissions: permissions.map((permission) => verdictOn(held, permission)),
        overrides: [...held.overrides],
      };
    },
  } satisfies Partial<UserHandlers>;
}

function userCreation({
  stores,
  credentials,
  shown,
  now,
  baseUrl,
}: UserServiceOptions): UserHandlers["createUser"] {
  const { access, users, levels } = stores;
  return async ({ body }, context) => {
    if (!(await credentials.hasAccounts())) throw fail("not_set_up");
    const passwordHash = body.password === undefined ? null : await suitableHash(body.password, body);
    const invited = passwordHash === null ? newInvitation(baseUrl(), now()) : null;
    const user = { ...newUserRow(uuidv7(), body, passwordHash, now()), ...invited?.columns };
    await access.change(async (transaction) => {
      const known = await levels.list(transaction);
      const wanted = (body.level_names ?? ["researcher"]).map((name) => levelNamed(known, name));
      if (body.is_admin === true) wanted.push(levelNamed(known, adminLevelId));
      for (const level of wanted) grantable(context.caller, level.grants, "level_names");
      await refuseTaken(users, transaction, user, null);
      await users.insert(transaction, user);
      for (const { id } of wanted) await levels.give(transaction, user.id, id);
      const details = { by: "administrator", levels: [...new Set(wanted.map(({ name }) => name))] };
      return {
        answer: undefined,
        events: [{ type: "user.created", actor: actorOf(context), target: targetOf(user), details }],
      };
    });
    return { user: await shown.showOne(user), invitation: invited?.invitation ?? null };
  };
}

/** A link to set a password with, and what is stored of it. The token is behind `#`, which no server or proxy logs. */
export function newInvitation(baseUrl: string, nowMs: number) {
  const token = newToken();
  const expiresAtMs = nowMs + invitationMs;
  const invitation: Invitation = {
    token,
    url: `${baseUrl}/invite#${token}`,
    expires_at: new Date(expiresAtMs).toISOString(),
  };
  return { invitation, columns: { invite_hash: tokenHash(token), invite_expires_at: expiresAtMs } };
}
