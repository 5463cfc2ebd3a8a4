import { uuidv7 } from "uuidv7";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Level, levelEndpoints } from "@simpletuner-cloud/contract/levels.ts";
import { permissions } from "@simpletuner-cloud/contract/permissions.ts";
import type { LevelChange, StoredLevel } from "../db/stores/levels.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { nameKey } from "../domain/account-names.ts";
import { actorOf, grantable } from "./accounts.ts";
import type { Credentials } from "./credentials.ts";
import type { Handlers, RequestContext } from "./handler.ts";

/** What levels need. */
export interface LevelServiceOptions {
  stores: Stores;
  credentials: Credentials;
  now: () => number;
}

/** Levels: the built-in ones, and those that administrators make. */
export function levelService(options: LevelServiceOptions): Handlers<typeof levelEndpoints> {
  const { levels } = options.stores;
  return {
    async listLevels() {
      return { levels: (await levels.list()).map(shownLevel) };
    },
    async listPermissions() {
      return { permissions: [...permissions] };
    },
    createLevel: levelCreation(options),
    updateLevel: ({ params, body }, context) => changeLevel(options, params.level_id, body, context),
    setLevelPermissions: ({ params, body }, context) => changeLevel(options, params.level_id, body, context),
    deleteLevel: levelDeletion(options),
  };
}

function levelCreation({
  stores,
  credentials,
  now,
}: LevelServiceOptions): Handlers<typeof levelEndpoints>["createLevel"] {
  const { access, levels } = stores;
  return async ({ body }, context) => {
    if (!(await credentials.hasAccounts())) throw fail("not_set_up");
    grantable(context.caller, body.permission_names, "permission_names");
    const made: StoredLevel = {
      id: uuidv7(),
      name: body.name,
      description: body.description ?? "",
      priority: body.priority ?? 0,
      isSystem: false,
      grants: body.permission_names,
      users: 0,
    };
    await access.change(async (transaction) => {
      refuseTakenName(await levels.list(transaction), made.name, null);
      const { id, name, description, priority } = made;
      const grants = JSON.stringify(made.grants);
      const row = { id, name, name_key: nameKey(name), description, priority, grants, created_at: now() };
      await levels.insert(transaction, row);
      return {
        answer: undefined,
        events: [
          {
            type: "level.created",
            actor: actorOf(context),
            target: { id, name },
            details: { permissions: made.grants },
          },
        ],
      };
    });
    return shownLevel(made);
  };
}

interface LevelWish {
  name?: string;
  description?: string;
  priority?: number;
  permission_names?: string[];
}

async function changeLevel(
  { stores }: LevelServiceOptions,
  levelId: string,
  wish: LevelWish,
  context: RequestContext,
): Promise<Level> {
  const { access, levels } = stores;
  if (wish.permission_names) grantable(context.caller, wish.permission_names, "permission_names");
  return access.change(async (transaction) => {
    const known = await levels.list(transaction);
    const before = changeableLevel(known, levelId);
    // Whoever may not give what the level holds may not decide about those who have it.
    grantable(context.caller, before.grants, "permission_names");
    if (wish.name !== undefined) refuseTakenName(known, wish.name, levelId);
    const change: LevelChange = {
      ...(wish.name !== undefined && { name: wish.name, name_key: nameKey(wish.name) }),
      ...(wish.description !== undefined && { description: wish.description }),
      ...(wish.priority !== undefined && { priority: wish.priority }),
      ...(wish.permission_names && { grants: JSON.stringify(wish.permission_names) }),
    };
    if (Object.keys(change).length > 0) await levels.update(transaction, levelId, change);
    const after: StoredLevel = {
      ...before,
      name: wish.name ?? before.name,
      description: wish.description ?? before.description,
      priority: wish.priority ?? before.priority,
      grants: wish.permission_names ?? before.grants,
    };
    const target = { id: levelId, name: after.name };
    const details = { permissions: after.grants };
    return {
      answer: shownLevel(after),
      events: [{ type: "level.updated", actor: actorOf(context), target, details }],
    };
  });
}

function levelDeletion({ stores }: LevelServiceOptions): Handlers<typeof levelEndpoints>["deleteLevel"] {
  const { access, levels } = stores;
  return async ({ params }, context) => {
    await access.change(async (transaction) => {
      const level = changeableLevel(await levels.list(transaction), params.level_id);
      grantable(context.caller, level.grants, "permission_names");
      await levels.remove(transaction, level.id);
      const target = { id: level.id, name: level.name };
      return {
        answer: undefined,
        events: [{ type: "level.deleted", actor: actorOf(context), target, details: { users: level.users } }],
      };
    });
    return { success: true };
  };
}

function changeableLevel(levels: readonly StoredLevel[], levelId: string): StoredLevel {
  const level = levels.find(({ id }) => id === levelId);
  if (!level) throw fail("level_not_found", { level: levelId, known: levels.map(({ id }) => id) });
  if (level.isSystem) throw fail("level_built_in", { level: level.name });
  return level;
}

function refuseTakenName(levels: readonly StoredLevel[], name: string, ownId: string | null): void {
  const same = levels.find((level) => nameKey(level.name) === nameKey(name) && level.id !== ownId);
  if (same) throw fail("level_exists", { level: same.name });
}

function shownLevel({ grants, isSystem, users, ...level }: StoredLevel): Level {
  return { ...level, is_system: isSystem, permissions: [...grants], user_count: users };
}
