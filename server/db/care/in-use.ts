import { setTimeout as delay } from "node:timers/promises";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { StartError } from "../../config/values.ts";
import type { Engine } from "../engine.ts";
import type { Database } from "../schema.ts";

/** Who else is connected to a database; nothing tells it of a file. */
const others: Partial<Record<Engine["kind"], RawBuilder<{ others: number }>>> = {
  postgres: sql`select count(*) as others from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  mysql: sql`select count(*) as others from information_schema.processlist
    where db = database() and id <> connection_id()`,
};
/** A connection that was closed just now may be seen for another moment. */
const looks = 20;
const lookAgainMs = 250;

/** Throws {@link StartError} when others than this one connection use the database, as its servers do. */
export async function refuseInUse(db: Kysely<Database>, kind: Engine["kind"]): Promise<void> {
  const asked = others[kind];
  if (!asked) return;
  for (let look = 1; ; look++) {
    // Inside of a transaction PostgreSQL shows what it has shown before, else.
    if (kind === "postgres") await sql`select pg_stat_clear_snapshot()`.execute(db);
    const count = Number((await asked.execute(db)).rows[0]?.others);
    if (count === 0) return;
    if (look === looks)
      throw new StartError(
        `Others use the database (${count} connections). Stop its servers first, so that nothing is written meanwhile.`,
      );
    await delay(lookAgainMs);
  }
}
