import type { Kysely } from "kysely";
import type { JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { currentOrigin, type EventOrigin } from "../event-origin.ts";
import { fixedLimit } from "../fixed-limit.ts";
import type { Database } from "../schema.ts";

/** An event before it has a number. */
export interface EventDraft {
  jobId: string | null;
  /** Whose event it is; null for events of the server itself. */
  userId: string | null;
  type: string;
  atMs: number;
  data: Record<string, unknown>;
  /** On whose behalf, where it is not stored by the work that caused it; null for the server itself. */
  origin?: EventOrigin | null;
}

/** A stored event with the user it belongs to. */
export interface StoredEvent {
  userId: string | null;
  wire: JobEvent;
}

/**
 * Appends events inside the caller's transaction and numbers them. The counter row stays locked until the
 * transaction ends, so numbers become visible in their order on every database and a resumed stream misses none.
 */
export async function appendEvents(
  transaction: Kysely<Database>,
  drafts: readonly EventDraft[],
): Promise<StoredEvent[]> {
  if (drafts.length === 0) return [];
  await transaction
    .updateTable("counters")
    .set((row) => ({ value: row("value", "+", drafts.length) }))
    .where("name", "=", "event")
    .execute();
  const counter = await transaction
    .selectFrom("counters")
    .select("value")
    .where("name", "=", "event")
    .executeTakeFirstOrThrow();
  const first = Number(counter.value) - drafts.length + 1;
  const rows = drafts.map((draft, index) => ({
    id: first + index,
    job_id: draft.jobId,
    user_id: draft.userId,
    type: draft.type,
    at: draft.atMs,
    data: JSON.stringify(draft.data),
    origin: originText(draft.origin === undefined ? currentOrigin() : draft.origin),
  }));
  await transaction.insertInto("job_events").values(rows).execute();
  return rows.map(storedEvent);
}

/** More events than a server writes between a backup and its restore. */
const skippedAtRestore = 1_000_000_000;

/** Number and content of the event that tells of the newest restore; no two restores tell the same. */
export function newestRestore(db: Kysely<Database>): Promise<{ id: number; data: string } | undefined> {
  return db
    .selectFrom("job_events")
    .select(["id", "data"])
    .where("type", "=", "backup.restored")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** Reads the event log. */
export function jobEventStore(db: Kysely<Database>) {
  return {
    /** Events after number `after`, oldest first: those of one user and of the server itself, or (null) all. */
    async after(after: number, userId: string | null, limit: number): Promise<StoredEvent[]> {
      let query = db
        .selectFrom("job_events")
        .selectAll()
        .where("id", ">", after)
        .orderBy("id")
        .limit(fixedLimit(limit));
      if (userId !== null)
        query = query.where((row) => row.or([row("user_id", "=", userId), row("user_id", "is", null)]));
      return (await query.execute()).map(storedEvent);
    },
    /**
     * Skips the numbers that may have been given out since a restored backup was made, and tells of the restore; done
     * once for each, however often it is called.
     */
    async beginAfterRestore(backupId: string, atMs: number): Promise<void> {
      await db.transaction().execute(async (transaction) => {
        const told = await newestRestore(transaction);
        const data = { backup_id: backupId, at: atMs };
        if (told && (JSON.parse(told.data) as { backup_id?: string }).backup_id === backupId) return;
        await transaction
          .updateTable("counters")
          .set((row) => ({ value: row("value", "+", skippedAtRestore) }))
          .where("name", "=", "event")
          .execute();
        await appendEvents(transaction, [{ jobId: null, userId: null, type: "backup.restored", atMs, data }]);
      });
    },
    /** Events of one job after number `after`, oldest first. */
    async ofJob(jobId: string, after: number, limit: number): Promise<JobEvent[]> {
      const rows = await db
        .selectFrom("job_events")
        .selectAll()
        .where("job_id", "=", jobId)
        .where("id", ">", after)
        .orderBy("id")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map((row) => storedEvent(row).wire);
    },
    /** The number of the newest event; 0 when there is none. */
    async latest(): Promise<number> {
      const row = await db
        .selectFrom("counters")
        .select("value")
        .where("name", "=", "event")
        .executeTakeFirst();
      return Number(row?.value ?? 0);
    },
  };
}

/** See {@link jobEventStore}. */
export type JobEventStore = ReturnType<typeof jobEventStore>;

function originText(origin: EventOrigin | null): string | null {
  return origin && JSON.stringify(origin);
}

function storedEvent(row: Database["job_events"]): StoredEvent {
  return {
    userId: row.user_id,
    wire: {
      id: Number(row.id),
      job_id: row.job_id,
      type: row.type,
      at: new Date(Number(row.at)).toISOString(),
      data: JSON.parse(row.data) as Record<string, unknown>,
    },
  };
}
