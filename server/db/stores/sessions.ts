import type { Kysely } from "kysely";
import { compiledQueries } from "../compiled-queries.ts";
import { fixedLimit } from "../fixed-limit.ts";
import type { SessionsTable } from "../account-tables.ts";
import type { Database } from "../schema.ts";

/** A sign of life is written down once in this time, not at every request. */
const seenEveryMs = 5 * 60_000;

/** A session that holds, with its user. */
export interface LiveSession {
  id: string;
  user_id: string;
  username: string;
  last_seen_at: number;
  ends_at: number;
  idle_ms: number;
}

/** Reads and writes sessions. Removals belong into `AccessStore.change`. */
export function sessionStore(db: Kysely<Database>, now: () => number) {
  return { ...sessionReads(db), ...sessionWrites(db, now) };
}

/** See {@link sessionStore}. */
export type SessionStore = ReturnType<typeof sessionStore>;

function sessionReads(db: Kysely<Database>) {
  const run = compiledQueries(db);
  return {
    /** The session of a token, while it holds and its user is switched on. */
    async findLive(tokenHash: string, nowMs: number): Promise<LiveSession | null> {
      const [row] = await run<LiveSession>("live", { tokenHash, nowMs }, (slot) =>
        db
          .selectFrom("sessions")
          .innerJoin("users", "users.id", "sessions.user_id")
          .select([
            "sessions.id",
            "sessions.user_id",
            "users.username",
            "sessions.last_seen_at",
            "sessions.ends_at",
            "sessions.idle_ms",
          ])
          .where("sessions.token_hash", "=", slot<string>("tokenHash"))
          .where("sessions.expires_at", ">", slot<number>("nowMs"))
          .where("users.is_active", "=", 1),
      );
      return row ?? null;
    },
    /** Sessions of a user that hold, the one seen last first. */
    async ofUser(userId: string, nowMs: number): Promise<SessionsTable[]> {
      return db
        .selectFrom("sessions")
        .selectAll()
        .where("user_id", "=", userId)
        .where("expires_at", ">", nowMs)
        .orderBy("last_seen_at", "desc")
        .orderBy("id")
        .execute();
    },
    /** Sessions that ran out, with their users' names. */
    async expired(
      nowMs: number,
      limit: number,
    ): Promise<{ id: string; user_id: string; username: string | null }[]> {
      return db
        .selectFrom("sessions")
        .leftJoin("users", "users.id", "sessions.user_id")
        .select(["sessions.id", "sessions.user_id", "users.username"])
        .where("sessions.expires_at", "<=", nowMs)
        .limit(fixedLimit(limit))
        .execute();
    },
  };
}

function sessionWrites(db: Kysely<Database>, now: () => number) {
  return {
    async insert(transaction: Kysely<Database>, session: SessionsTable): Promise<void> {
      await transaction.insertInto("sessions").values(session).execute();
    },
    /** Moves the end of a session that is used on, unless that was done a moment ago. */
    async markSeen(session: LiveSession, nowMs: number): Promise<void> {
      if (nowMs - Number(session.last_seen_at) < seenEveryMs) return;
      const expires_at = Math.min(nowMs + Number(session.idle_ms), Number(session.ends_at));
      await db
        .updateTable("sessions")
        .set({ last_seen_at: nowMs, expires_at })
        .where("id", "=", session.id)
        .execute();
    },
    /** Ends sessions of a user that hold: one, or all (but one). Answers how many there were. */
    async end(
      transaction: Kysely<Database>,
      userId: string,
      which: { only?: string; except?: string | undefined } = {},
    ): Promise<number> {
      let query = transaction
        .deleteFrom("sessions")
        .where("user_id", "=", userId)
        .where("expires_at", ">", now());
      if (which.only !== undefined) query = query.where("id", "=", which.only);
      if (which.except !== undefined) query = query.where("id", "<>", which.except);
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
    /** Ends one session whoever's it is, if it still ran out by then. */
    async endExpired(transaction: Kysely<Database>, id: string, nowMs: number): Promise<boolean> {
      const deleted = await transaction
        .deleteFrom("sessions")
        .where("id", "=", id)
        .where("expires_at", "<=", nowMs)
        .executeTakeFirst();
      return Number(deleted.numDeletedRows) === 1;
    },
  };
}
