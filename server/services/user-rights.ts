import type { User, userEndpoints } from "@simpletuner-cloud/contract/users.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { grantable } from "./accounts.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import { levelNamed } from "./registration.ts";
import { userChanger } from "./user-changes.ts";
import type { UserServiceOptions } from "./users.ts";

type UserHandlers = Handlers<typeof userEndpoints>;

/** What administrators let users do: levels, and single permissions. */
export function userRightsHandlers(options: UserServiceOptions) {
  const { stores, shown } = options;
  const { users, levels } = stores;
  const change = userChanger(options);
  const after = async (userId: string): Promise<User> => {
    const user = await users.find(userId);
    if (!user) throw fail("user_not_found", { user: userId });
    return shown.showOne(user);
  };
  const override = async (
    userId: string,
    permission: string,
    granted: boolean | null,
    context: RequestContext,
  ): Promise<User> => {
    // To take a denial away is to give, and to deny is to decide over what one may not have.
    grantable(context.caller, [permission], "permission_name");
    await change(userId, context, async (transaction, user) => {
      await levels.override(transaction, user.id, permission, granted);
      const details = { permission, ...(granted !== null && { granted }) };
      return { answer: undefined, events: [{ type: "user.permission.changed", details }] };
    });
    return after(userId);
  };
  const setLevel = async (
    userId: string,
    levelName: string,
    held: boolean,
    context: RequestContext,
  ): Promise<User> => {
    await change(userId, context, async (transaction, user) => {
      const level = levelNamed(await levels.list(transaction), levelName);
      if (held) grantable(context.caller, level.grants, "level_name");
      await (held ? levels.give : levels.take)(transaction, user.id, level.id);
      const details = { [held ? "added" : "removed"]: level.name };
      return { answer: undefined, events: [{ type: "user.level.changed", details }] };
    });
    return after(userId);
  };
  return {
    setUserPermission: ({ params, body }, context) =>
      override(params.user_id, body.permission_name, body.granted, context),
    clearUserPermission: ({ params }, context) =>
      override(params.user_id, params.permission_name, null, context),
    addUserLevel: ({ params, body }, context) => setLevel(params.user_id, body.level_name, true, context),
    removeUserLevel: ({ params }, context) => setLevel(params.user_id, params.level_name, false, context),
  } satisfies Partial<UserHandlers>;
}
