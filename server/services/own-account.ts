import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import type { UsersTable } from "../db/account-tables.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { nameKey } from "../domain/account-names.ts";
import { attemptRules } from "../domain/sign-in-delay.ts";
import { actorOf, type ShownUsers, singleUserShown, subjectsOf, targetOf } from "./accounts.ts";
import type { RequestContext } from "./handler.ts";
import { refuseTaken, shownName, suitableHash } from "./new-account.ts";
import { checkPassword } from "./password-hash.ts";
import { refuseEarly } from "./sign-in.ts";

/** What the own account needs. */
export interface OwnAccountOptions {
  stores: Stores;
  shown: ShownUsers;
  now: () => number;
}

/** What everybody may do with the own account. */
export function ownAccount(options: OwnAccountOptions) {
  const { stores, shown, now } = options;
  const startedAtMs = now();
  return {
    async show(caller: Caller): Promise<User> {
      const row = await stores.users.find(caller.userId);
      return row ? shown.showOne(row) : singleUserShown(caller, startedAtMs);
    },
    updateProfile: (wish: ProfileWish, context: RequestContext) => updateProfile(options, wish, context),
    changePassword: (wish: PasswordWish, context: RequestContext) => changePassword(options, wish, context),
  };
}

interface ProfileWish {
  display_name?: string | null;
  email?: string;
}

interface PasswordWish {
  current_password: string;
  new_password: string;
}

async function ownRow({ stores }: OwnAccountOptions, caller: Caller): Promise<UsersTable> {
  const row = await stores.users.find(caller.userId);
  if (!row) throw fail("not_set_up");
  return row;
}

async function updateProfile(
  options: OwnAccountOptions,
  wish: ProfileWish,
  context: RequestContext,
): Promise<User> {
  const { access, users } = options.stores;
  const user = await ownRow(options, context.caller);
  const change = {
    ...(wish.display_name !== undefined && { display_name: shownName(wish.display_name) }),
    ...(wish.email !== undefined && { email: wish.email.trim(), email_key: nameKey(wish.email) }),
  };
  const fields = Object.keys(wish);
  if (fields.length > 0)
    await access.change(async (transaction) => {
      await refuseTaken(users, transaction, { email_key: change.email_key }, user.id);
      await users.update(transaction, user.id, change);
      return {
        answer: undefined,
        events: [
          { type: "user.updated", actor: actorOf(context), target: targetOf(user), details: { fields } },
        ],
      };
    });
  return options.shown.showOne({ ...user, ...change });
}

/** Changes the password if the present one is right, and ends every session but the one that asks. */
async function changePassword(
  options: OwnAccountOptions,
  wish: PasswordWish,
  context: RequestContext,
): Promise<{ success: true }> {
  const { access, users, sessions, loginAttempts } = options.stores;
  const user = await ownRow(options, context.caller);
  const [subject] = subjectsOf(user);
  await refuseEarly(options, [{ subject, rule: attemptRules.name }]);
  const { right } = await checkPassword(wish.current_password, user.password_hash);
  if (!right) throw fail("password_wrong");
  await loginAttempts.forget(subjectsOf(user));
  const passwordHash = await suitableHash(wish.new_password, user, "new_password");
  await access.change(async (transaction) => {
    const present = await users.find(user.id, transaction);
    // Somebody may have set another one while this was being checked.
    if (present?.password_hash !== user.password_hash) throw fail("password_wrong");
    await users.update(transaction, user.id, {
      password_hash: passwordHash,
      invite_hash: null,
      invite_expires_at: null,
    });
    await sessions.end(transaction, user.id, { except: context.caller.credential?.id });
    const details = { by: "user" };
    return {
      answer: undefined,
      events: [{ type: "user.password.changed", actor: actorOf(context), target: targetOf(user), details }],
    };
  });
  return { success: true };
}
