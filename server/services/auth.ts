import type { authEndpoints } from "@simpletuner-cloud/contract/auth.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import type { UsersTable } from "../db/account-tables.ts";
import { isSameSecret } from "../domain/sealed-secret.ts";
import { tokenHash } from "../domain/secret-token.ts";
import { actorOf, type ShownUsers, subjectsOf, targetOf } from "./accounts.ts";
import { type Credentials, firstUserId } from "./credentials.ts";
import type { Handlers, OpenedSession, RequestContext } from "./handler.ts";
import { newUserRow, suitableHash } from "./new-account.ts";
import { openSession } from "./open-session.ts";
import { ownSessionHandlers } from "./own-sessions.ts";
import { registrationHandlers } from "./registration.ts";
import { signInHandler } from "./sign-in.ts";

/** What signing in and out needs. */
export interface AuthServiceOptions {
  stores: Stores;
  credentials: Credentials;
  shown: ShownUsers;
  now: () => number;
  /** Printed at start; stands for sitting at this machine. */
  accessToken: string;
  /** Not only this machine reaches the server. */
  othersReachIt: boolean;
}

type AuthHandlers = Handlers<typeof authEndpoints>;

/** Signing in and out, and how accounts begin. */
export function authService(options: AuthServiceOptions): AuthHandlers {
  return {
    ...setupHandlers(options),
    ...signInHandler(options),
    ...signOutHandler(options),
    ...invitationHandler(options),
    ...registrationHandlers(options),
    ...ownSessionHandlers(options),
  };
}

function setupHandlers({ stores, credentials, shown, ...options }: AuthServiceOptions) {
  const { access, users, levels, sessions, settings } = stores;
  /** Sitting at this machine counts only where nobody else reaches the server: a proxy's requests can look the same. */
  const trusted = ({ client, proof }: RequestContext, given?: string): boolean =>
    (client.isLocal && !options.othersReachIt) ||
    [given, proof].some((token) => typeof token === "string" && isSameSecret(token, options.accessToken));
  return {
    async setupStatus(_input, context) {
      const exists = await credentials.hasAccounts();
      return {
        needs_setup: !exists,
        has_admin: exists,
        user_count: await users.count(),
        registration_enabled: exists && (await settings.get("registrationEnabled")),
        setup_token_required: !exists && !trusted(context),
      };
    },
    async createFirstAdmin({ body }, context) {
      if (await credentials.hasAccounts()) throw fail("setup_done");
      if (!trusted(context, body.setup_token)) throw fail("setup_token_required");
      const passwordHash = await suitableHash(body.password, body);
      const nowMs = options.now();
      const { row, opened } = await access.change(async (transaction) => {
        if ((await users.count(transaction)) > 0) throw fail("setup_done");
        // The first administrator is the single user there was, with everything that user made.
        const made = newUserRow(firstUserId, body, passwordHash, nowMs);
        const user: UsersTable = { ...made, last_login_at: nowMs };
        await users.insert(transaction, user);
        await levels.give(transaction, user.id, adminLevelId);
        const signIn = { remember: true, client: context.client, nowMs };
        const session = await openSession(sessions, transaction, user.id, signIn);
        const actor = { ...targetOf(user), address: context.client.address };
        return {
          answer: { row: user, opened: session },
          events: [
            {
              type: "user.created",
              actor,
              target: targetOf(user),
              details: { by: "setup", levels: ["admin"] },
            },
            { type: "auth.login.success", actor, target: targetOf(user), details: { remember: true } },
          ],
        };
      });
      context.setSession(opened);
      return { success: true, user: await shown.showOne(row) };
    },
  } satisfies Partial<AuthHandlers>;
}

function signOutHandler({ stores }: AuthServiceOptions) {
  const { access, sessions } = stores;
  return {
    async logout(_input, context) {
      const { credential, userId, username } = context.caller;
      if (credential?.kind === "session") {
        await access.change(async (transaction) => {
          await sessions.end(transaction, userId, { only: credential.id });
          const target = { id: userId, name: username };
          return {
            answer: undefined,
            events: [{ type: "auth.logout" as const, actor: actorOf(context), target }],
          };
        });
      }
      context.setSession(null);
      return { success: true };
    },
  } satisfies Partial<AuthHandlers>;
}

function invitationHandler({ stores, shown, now }: AuthServiceOptions) {
  const { access, users, sessions, loginAttempts } = stores;
  return {
    async acceptInvitation({ body }, context) {
      const inviteHash = tokenHash(body.token);
      const user = await users.findByInvite(inviteHash, now());
      if (!user) throw fail("invite_invalid");
      const passwordHash = await suitableHash(body.password, user);
      const opened = await access.change<OpenedSession>(async (transaction) => {
        const nowMs = now();
        const present = await users.find(user.id, transaction);
        if (present?.invite_hash !== inviteHash || Number(present.is_active) !== 1)
          throw fail("invite_invalid");
        await users.update(transaction, user.id, {
          password_hash: passwordHash,
          invite_hash: null,
          invite_expires_at: null,
          last_login_at: nowMs,
        });
        await sessions.end(transaction, user.id);
        await loginAttempts.forget(subjectsOf(user), transaction);
        const signIn = { remember: false, client: context.client, nowMs };
        const actor = { ...targetOf(user), address: context.client.address };
        return {
          answer: await openSession(sessions, transaction, user.id, signIn),
          events: [
            {
              type: "user.password.changed",
              actor,
              target: targetOf(user),
              details: { by: "invitation" },
            },
            { type: "auth.login.success", actor, target: targetOf(user), details: { remember: false } },
          ],
        };
      });
      context.setSession(opened);
      return { success: true, user: await shown.showOne((await users.find(user.id)) ?? user) };
    },
  } satisfies Partial<AuthHandlers>;
}
