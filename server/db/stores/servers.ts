import { type Kysely, type RawBuilder, sql } from "kysely";
import type { DatabaseKind } from "../engine.ts";
import type { JobDatabase } from "../job-database.ts";
import type { Database, ServersTable } from "../schema.ts";

/** A server that uses the database. */
export interface PresentServer {
  /** The same after a restart of the same state directory at the same place. */
  readonly serverId: string;
  /** New at each start. */
  readonly runId: string;
  /** It is one of several that share their work. */
  readonly isShared: boolean;
  /** Machine and state directory, for a person. */
  readonly place: string;
}

/** One that was seen, by the database's clock. */
export interface SeenServer extends PresentServer {
  readonly seenAtMs: number;
}

/** The database's own clock in epoch milliseconds: those of its servers may differ. */
const clocks: Partial<Record<DatabaseKind, RawBuilder<number>>> = {
  postgres: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
  mysql: sql<number>`cast(unix_timestamp(sysdate(3)) * 1000 as signed)`,
};

/** Which servers use a database server; null for a file, which has a lock of its own. */
export function serverStore(db: JobDatabase) {
  const clock = clocks[db.engine.kind];
  if (clock === undefined) return null;
  return {
    /**
     * Notes that a server uses the database, unless others are in its way: those are answered then, and nothing is written.
     * In its way is who does not share as it does, was seen less than `goneAfterMs` ago and is not among `gone`, which holds
     * ids of runs. At the start (`isStart`) an earlier run of the same server is not.
     */
    enter: (self: PresentServer, options: EnterOptions): Promise<SeenServer[]> =>
      db.transaction().execute((transaction) => enter(transaction, clock, self, options)),
    /** Says that the server is there still; false when its place was taken meanwhile. */
    async beat({ serverId, runId }: PresentServer): Promise<boolean> {
      const updated = await db
        .updateTable("servers")
        .set({ seen_at: clock })
        .where("server_id", "=", serverId)
        .where("run_id", "=", runId)
        .executeTakeFirst();
      return Number(updated.numUpdatedRows) === 1;
    },
    /** The server stops. */
    async leave({ serverId, runId }: PresentServer): Promise<void> {
      await db.deleteFrom("servers").where("server_id", "=", serverId).where("run_id", "=", runId).execute();
    },
  };
}

/** See {@link serverStore}. */
export type ServerStore = NonNullable<ReturnType<typeof serverStore>>;

/** See {@link serverStore}. */
export interface EnterOptions {
  isStart: boolean;
  goneAfterMs: number;
  gone?: ReadonlySet<string>;
}

async function enter(
  transaction: Kysely<Database>,
  clock: RawBuilder<number>,
  self: PresentServer,
  { isStart, goneAfterMs, gone = new Set() }: EnterOptions,
): Promise<SeenServer[]> {
  // Two that start at the same moment look one after the other.
  await transaction
    .updateTable("counters")
    .set((row) => ({ value: row("value", "+", 1) }))
    .where("name", "=", "servers")
    .execute();
  const nowMs = Number((await sql<{ ms: number }>`select ${clock} as ms`.execute(transaction)).rows[0]?.ms);
  const rows = await transaction.selectFrom("servers").selectAll().execute();
  const isGone = (row: ServersTable): boolean => nowMs - row.seen_at >= goneAfterMs || gone.has(row.run_id);
  const isOwn = (row: ServersTable): boolean =>
    row.server_id === self.serverId && (isStart || row.run_id === self.runId);
  const inTheWay = rows.filter(
    (row) => !isOwn(row) && !isGone(row) && !(row.is_shared === 1 && self.isShared),
  );
  if (inTheWay.length > 0) return inTheWay.map(seenOf);
  const over = rows.filter((row) => isOwn(row) || isGone(row)).map(({ server_id: id }) => id);
  if (over.length > 0) await transaction.deleteFrom("servers").where("server_id", "in", over).execute();
  const row = { server_id: self.serverId, run_id: self.runId, place: self.place.slice(-400) };
  await transaction
    .insertInto("servers")
    .values({ ...row, is_shared: Number(self.isShared), seen_at: nowMs })
    .execute();
  return [];
}

function seenOf(row: ServersTable): SeenServer {
  return {
    serverId: row.server_id,
    runId: row.run_id,
    isShared: row.is_shared === 1,
    place: row.place,
    seenAtMs: row.seen_at,
  };
}
