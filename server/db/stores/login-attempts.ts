import type { Kysely } from "kysely";
import {
  type AttemptRule,
  type Attempts,
  afterFailure,
  forgetAfterMs,
  waitMs,
} from "../../domain/sign-in-delay.ts";
import type { Database } from "../schema.ts";

/** Whose attempts are counted, and how many may fail. */
export interface AttemptSubject {
  /** A hash: what people type as their name may be their password. */
  subject: string;
  rule: AttemptRule;
}

const tries = 3;

/** Counts failed attempts to sign in, for all processes together. */
export function loginAttemptStore(db: Kysely<Database>, now: () => number) {
  return {
    /**
     * Counts an attempt as failed before it is checked, so that many at once cannot slip through, and answers 0; or how
     * long it has to wait, in which case nothing is counted.
     */
    async begin(subjects: readonly AttemptSubject[]): Promise<number> {
      // In one order, so that two attempts never wait for each other.
      const ordered = subjects.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
      for (let attempt = 1; ; attempt++) {
        try {
          return await db.transaction().execute((transaction) => count(transaction, ordered, now()));
        } catch (error) {
          if (error instanceof MustWait) return error.ms;
          // Two first attempts of a subject both insert its row; the loser finds it there the next time.
          if (attempt === tries) throw error;
        }
      }
    },
    /** Forgets the attempts under a name, after a success or by an administrator. */
    async forget(subjects: readonly string[], transaction: Kysely<Database> = db): Promise<void> {
      await transaction.deleteFrom("login_attempts").where("subject", "in", subjects).execute();
    },
    /** Takes back the one attempt that succeeded; earlier failures stay, or anybody's own account would clear an address. */
    async takeBack(subject: string): Promise<void> {
      await db
        .updateTable("login_attempts")
        .set((row) => ({ failures: row("failures", "-", 1), blocked_until: 0 }))
        .where("subject", "=", subject)
        .where("failures", ">", 0)
        .execute();
    },
    /** Until when subjects are blocked; those that are not are left out. */
    async blockedUntil(subjects: readonly string[]): Promise<Map<string, number>> {
      if (subjects.length === 0) return new Map();
      const rows = await db
        .selectFrom("login_attempts")
        .select(["subject", "blocked_until"])
        .where("subject", "in", subjects)
        .where("blocked_until", ">", now())
        .execute();
      return new Map(rows.map((row) => [row.subject, Number(row.blocked_until)]));
    },
    /** Removes what is too old to count. */
    async removeForgotten(): Promise<void> {
      await db
        .deleteFrom("login_attempts")
        .where("last_failed_at", "<", now() - forgetAfterMs)
        .execute();
    },
  };
}

/** See {@link loginAttemptStore}. */
export type LoginAttemptStore = ReturnType<typeof loginAttemptStore>;

/** Undoes the counting of an attempt that has to wait. */
class MustWait extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super("the attempt has to wait");
    this.ms = ms;
  }
}

async function count(
  transaction: Kysely<Database>,
  subjects: readonly AttemptSubject[],
  nowMs: number,
): Promise<number> {
  for (const { subject, rule } of subjects) {
    // Writing first takes the row's lock, so that what is read then holds.
    const locked = await transaction
      .updateTable("login_attempts")
      .set((row) => ({ failures: row("failures", "+", 1) }))
      .where("subject", "=", subject)
      .executeTakeFirst();
    if (Number(locked.numUpdatedRows) === 0) {
      await transaction
        .insertInto("login_attempts")
        .values({ subject, ...columnsOf(afterFailure(null, rule, nowMs)) })
        .execute();
      continue;
    }
    const row = await transaction
      .selectFrom("login_attempts")
      .selectAll()
      .where("subject", "=", subject)
      .executeTakeFirstOrThrow();
    const before: Attempts = {
      failures: Number(row.failures) - 1,
      lastFailedAtMs: Number(row.last_failed_at),
      blockedUntilMs: Number(row.blocked_until),
    };
    const wait = waitMs(before, nowMs);
    if (wait > 0) throw new MustWait(wait);
    await transaction
      .updateTable("login_attempts")
      .set(columnsOf(afterFailure(before, rule, nowMs)))
      .where("subject", "=", subject)
      .execute();
  }
  return 0;
}

function columnsOf({ failures, lastFailedAtMs, blockedUntilMs }: Attempts) {
  return { failures, last_failed_at: lastFailedAtMs, blocked_until: blockedUntilMs };
}
