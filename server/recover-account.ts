import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { readConfig } from "./config.ts";
import { statePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { openDatabase } from "./db/open-database.ts";
import { openStores } from "./db/stores/open-stores.ts";
import { nameKey } from "./domain/account-names.ts";
import { subjectsOf, targetOf } from "./services/accounts.ts";
import { suitableHash } from "./services/new-account.ts";

/** What recovering an account needs. */
export interface RecoveryOptions {
  stateDir: string;
  /** Where the database is, and what it trusts. */
  env: NodeJS.ProcessEnv;
  /** The user's name or address. */
  named: string;
  password: string;
}

/**
 * Gives a user a new password straight in the database, for whoever sits at the machine and cannot sign in any more: the
 * account is switched on and unlocked, its sessions end, and the audit knows of it. The server may run or not. Answers the
 * user's name; throws one sentence about what is wrong.
 */
export async function recoverAccount({ stateDir, env, named, password }: RecoveryOptions): Promise<string> {
  const { database, outbound } = readConfig(env);
  const file = statePaths(stateDir).database;
  if (database === null && !existsSync(file))
    throw new StartError(`There is no database in ${stateDir}. Name the folder with --state-dir.`);
  const db = await openDatabase(database ?? file, Date.now, outbound);
  try {
    const nobody = (): void => undefined;
    const { access, users, sessions, loginAttempts } = openStores(db, Date.now, nobody, nobody);
    const user = await users.findByKey(nameKey(named));
    if (!user) {
      const names = await users.count();
      throw new StartError(
        names === 0
          ? "This server has no accounts: it is used by one person, who needs no password."
          : `There is no user ${named}. The list is at: npx simpletuner-cloud auth users list`,
      );
    }
    const passwordHash = await suitableHash(password, user);
    await access.change(async (transaction) => {
      await users.update(transaction, user.id, {
        password_hash: passwordHash,
        is_active: 1,
        invite_hash: null,
        invite_expires_at: null,
      });
      await sessions.end(transaction, user.id);
      await loginAttempts.forget(subjectsOf(user), transaction);
      const actor = { id: "", name: userInfo().username, address: "" };
      const details = { by: "recovery" };
      return {
        answer: undefined,
        events: [{ type: "user.password.changed", actor, target: targetOf(user), details }],
      };
    });
    return user.username;
  } finally {
    await db.destroy();
  }
}
