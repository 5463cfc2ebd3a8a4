import { uuidv7 } from "uuidv7";
import type { authEndpoints } from "@simpletuner-cloud/contract/auth.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { StoredLevel } from "../db/stores/levels.ts";
import { addressSubject } from "../domain/account-names.ts";
import { attemptRules } from "../domain/sign-in-delay.ts";
import { grantable, targetOf } from "./accounts.ts";
import type { AuthServiceOptions } from "./auth.ts";
import type { Handlers } from "./handler.ts";
import { newUserRow, refuseTaken, suitableHash } from "./new-account.ts";
import { openSession } from "./open-session.ts";
import { refuseEarly } from "./sign-in.ts";

/** Accounts that people make themselves, where an administrator allows it. */
export function registrationHandlers(options: AuthServiceOptions) {
  const { stores, credentials, shown, now } = options;
  const { access, users, levels, sessions, settings } = stores;
  return {
    async register({ body }, context) {
      if (!(await credentials.hasAccounts())) throw fail("not_set_up");
      if (!(await settings.get("registrationEnabled"))) throw fail("registration_closed");
      // Each account costs its address one of the attempts that may fail there.
      await refuseEarly(options, [
        { subject: addressSubject(context.client.address), rule: attemptRules.address },
      ]);
      const passwordHash = await suitableHash(body.password, body);
      const nowMs = now();
      const wanted = await settings.get("registrationLevel");
      const { row, opened } = await access.change(async (transaction) => {
        const level = levelNamed(await levels.list(transaction), wanted);
        const user = { ...newUserRow(uuidv7(), body, passwordHash, nowMs), last_login_at: nowMs };
        await refuseTaken(users, transaction, user, null);
        await users.insert(transaction, user);
        await levels.give(transaction, user.id, level.id);
        const actor = { ...targetOf(user), address: context.client.address };
        const details = { by: "registration", levels: [level.name] };
        return {
          answer: {
            row: user,
            opened: await openSession(sessions, transaction, user.id, {
              remember: false,
              client: context.client,
              nowMs,
            }),
          },
          events: [{ type: "user.created", actor, target: targetOf(user), details }],
        };
      });
      context.setSession(opened);
      return { success: true, user: await shown.showOne(row) };
    },
    async getRegistration() {
      return {
        enabled: await settings.get("registrationEnabled"),
        default_level: await settings.get("registrationLevel"),
      };
    },
    async putRegistration({ body }, { caller }) {
      if (!(await credentials.hasAccounts())) throw fail("not_set_up");
      const level = levelNamed(await levels.list(), body.default_level);
      grantable(caller, level.grants, "default_level");
      await settings.set({ registrationEnabled: body.enabled, registrationLevel: level.name });
      return { enabled: body.enabled, default_level: level.name };
    },
  } satisfies Partial<Handlers<typeof authEndpoints>>;
}

/** The level of that name; `level_not_found` otherwise. */
export function levelNamed(levels: readonly StoredLevel[], name: string): StoredLevel {
  const wanted = name.toLowerCase();
  const level = levels.find((one) => one.name.toLowerCase() === wanted);
  if (!level) throw fail("level_not_found", { level: name, known: levels.map((one) => one.name) });
  return level;
}
