import type { Kysely } from "kysely";
import { parentPort, workerData } from "node:worker_threads";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import { nameSubject } from "../../domain/account-names.ts";
import { attemptRules } from "../../domain/sign-in-delay.ts";
import type { DatabaseAddress } from "../../config/database.ts";
import type { UsersTable } from "../account-tables.ts";
import { openDatabase } from "../open-database.ts";
import type { Database } from "../schema.ts";
import { openStores } from "../stores/open-stores.ts";

/** What a side is asked to do: the name of an act with its arguments. */
export type Asked = { number: number; act: keyof typeof acts; args: readonly string[] };

/** One process's view of a database that others use, too, as a thread: SQLite waits for a lock without an event loop. */
const { address } = workerData as { address: DatabaseAddress };
const db = await openDatabase(address, Date.now);
const nothing = (): void => undefined;
const { access, users, levels, sessions, loginAttempts } = openStores(db, Date.now, nothing, nothing);

function row(id: string): UsersTable {
  return {
    id,
    username: id,
    username_key: id,
    email: id,
    email_key: id,
    display_name: null,
    auth_source: "password",
    password_hash: "old",
    is_active: 1,
    invite_hash: null,
    invite_expires_at: null,
    created_at: 1,
    last_login_at: null,
  };
}

const change = (work: (transaction: Kysely<Database>) => Promise<void>): Promise<string> =>
  access.change(async (transaction) => {
    await work(transaction);
    return { answer: "done", events: [] };
  });

const acts = {
  addAdmin: (id: string) =>
    change(async (transaction) => {
      await users.insert(transaction, row(id));
      await levels.give(transaction, id, adminLevelId);
    }),
  addFirstAdmin: (id: string) =>
    change(async (transaction) => {
      if ((await users.count(transaction)) > 0) throw fail("setup_done");
      await users.insert(transaction, row(id));
      await levels.give(transaction, id, adminLevelId);
    }),
  switchOff: (id: string) => change((transaction) => users.update(transaction, id, { is_active: 0 })),
  switchOn: (id: string) => change((transaction) => users.update(transaction, id, { is_active: 1 })),
  setPassword: (id: string, hash: string) =>
    change(async (transaction) => {
      await users.update(transaction, id, { password_hash: hash });
      await sessions.end(transaction, id);
    }),
  signIn: (id: string, hash: string) =>
    access.record(async (transaction) => {
      const right = await users.signIn(transaction, id, hash, { last_login_at: 1 });
      const times = { created_at: 1, last_seen_at: 1, expires_at: 2e15, ends_at: 2e15, idle_ms: 1 };
      const key = `${id} ${hash}`;
      if (right)
        await sessions.insert(transaction, {
          id: key,
          token_hash: key,
          user_id: id,
          address: "",
          user_agent: "",
          ...times,
        });
      return { answer: right ? "done" : "refused", events: [] };
    }),
  attempt: async (name: string) => {
    const wait = await loginAttempts.begin([{ subject: nameSubject(name), rule: attemptRules.name }]);
    return wait === 0 ? "done" : "refused";
  },
  takeLevel: (id: string) => change((transaction) => levels.take(transaction, id, adminLevelId)),
  giveLevel: (id: string) => change((transaction) => levels.give(transaction, id, adminLevelId)),
  sessionsOf: async (id: string) => String((await sessions.ofUser(id, Date.now())).length),
  clear: async () => {
    for (const table of ["users", "user_levels", "sessions", "login_attempts"] as const)
      await db.deleteFrom(table).execute();
    return "done";
  },
} satisfies Record<string, (...args: string[]) => Promise<string>>;

parentPort?.on("message", (message: Asked | "close") => {
  if (message === "close") return void db.destroy().then(() => parentPort?.close());
  const { number, act, args } = message;
  const run = acts[act] as (...given: readonly string[]) => Promise<string>;
  run(...args).then(
    (outcome) => parentPort?.postMessage({ number, outcome }),
    (error: unknown) =>
      parentPort?.postMessage({
        number,
        outcome: error instanceof Failure ? error.code : String(error),
      }),
  );
});
parentPort?.postMessage({ number: 0, outcome: "open" });
