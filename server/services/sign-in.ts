import type { authEndpoints } from "@simpletuner-cloud/contract/auth.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { UsersTable } from "../db/account-tables.ts";
import type { AuditDraft } from "../db/stores/access.ts";
import type { AttemptSubject } from "../db/stores/login-attempts.ts";
import { addressSubject, nameKey, nameSubject } from "../domain/account-names.ts";
import { attemptRules } from "../domain/sign-in-delay.ts";
import { subjectsOf, targetOf } from "./accounts.ts";
import type { AuthServiceOptions } from "./auth.ts";
import type { Handlers, OpenedSession, RequestContext } from "./handler.ts";
import { openSession } from "./open-session.ts";
import { checkPassword, hashPassword } from "./password-hash.ts";

type Options = Pick<AuthServiceOptions, "stores" | "credentials" | "shown" | "now">;

/** Signing in with a password. Nothing, neither text nor time, tells a wrong password from a name that is not there. */
export function signInHandler(options: Options) {
  const { stores, credentials, shown } = options;
  const { users, loginAttempts } = stores;
  return {
    async login({ body }, context) {
      if (!(await credentials.hasAccounts())) throw fail("not_set_up");
      const key = nameKey(body.username);
      const address = addressSubject(context.client.address);
      await refuseEarly(options, [
        { subject: nameSubject(key), rule: attemptRules.name },
        { subject: address, rule: attemptRules.address },
      ]);
      const user = await users.findByKey(key);
      const { right, outdated } = await checkPassword(body.password, user?.password_hash ?? null);
      const rehashed = right && outdated ? await hashPassword(body.password) : null;
      const opened =
        user !== null && right
          ? await signedIn(options, user, rehashed, body.remember_me ?? false, context)
          : null;
      if (user === null || opened === null) {
        await rememberFailure(options, user, right, context);
        throw fail("sign_in_failed");
      }
      await loginAttempts.forget(subjectsOf(user));
      await loginAttempts.takeBack(address);
      context.setSession(opened);
      return { success: true, user: await shown.showOne((await users.find(user.id)) ?? user) };
    },
  } satisfies Partial<Handlers<typeof authEndpoints>>;
}

/** Counts an attempt; `too_many_attempts` when it has to wait. */
export async function refuseEarly(
  { stores }: Pick<Options, "stores">,
  subjects: readonly AttemptSubject[],
): Promise<void> {
  const waitMs = await stores.loginAttempts.begin(subjects);
  if (waitMs > 0) throw fail("too_many_attempts", { retry_after_seconds: Math.ceil(waitMs / 1_000) });
}

/** Opens the session; null when the password was changed or the user switched off while it was being checked. */
async function signedIn(
  { stores, now }: Options,
  user: UsersTable,
  rehashed: string | null,
  remember: boolean,
  { client }: RequestContext,
): Promise<OpenedSession | null> {
  const { access, users, sessions } = stores;
  const nowMs = now();
  const change = { last_login_at: nowMs, ...(rehashed !== null && { password_hash: rehashed }) };
  return access.record<OpenedSession | null>(async (transaction) => {
    if (!(await users.signIn(transaction, user.id, user.password_hash ?? "", change)))
      return { answer: null, events: [] };
    const actor = { ...targetOf(user), address: client.address };
    return {
      answer: await openSession(sessions, transaction, user.id, { remember, client, nowMs }),
      events: [{ type: "auth.login.success", actor, target: targetOf(user), details: { remember } }],
    };
  });
}

async function rememberFailure(
  { stores }: Options,
  user: UsersTable | null,
  right: boolean,
  { client }: RequestContext,
): Promise<void> {
  const reason = user === null ? "unknown_name" : right ? "switched_off" : "wrong_password";
  const event: AuditDraft = {
    type: "auth.login.failed",
    actor: { id: "", name: "", address: client.address },
    // A name that is nobody's is not written down: people type their passwords there.
    ...(user !== null && { target: targetOf(user) }),
    details: { reason },
  };
  await stores.access.record(async () => ({ answer: undefined, events: [event] }));
}
