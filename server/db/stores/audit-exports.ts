import { randomBytes } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import type { AuditEventType } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditExportFormat } from "@simpletuner-cloud/contract/audit-export.ts";
import type { AuditExportsTable } from "../audit-tables.ts";
import type { Database } from "../schema.ts";
import { type Chain, chainOf, lockChain, shownChain } from "./audit-entries.ts";
import { appendEvents, type StoredEvent } from "./job-events.ts";

/** What keeps an entry from being sent. */
export interface ExportTrouble {
  /** For people. */
  problem: string;
  /** Null where it is not about one entry. */
  entry: number | null;
  sinceMs: number;
  attempts: number;
  /** Null: it was refused, and is not tried before somebody says so. */
  nextTryAtMs: number | null;
}

/** How the collector is called. */
export interface ExportSettings {
  format: AuditExportFormat;
  url: string;
  scheme: string;
  sealedToken: string | null;
  securityOnly: boolean;
}

/** Where the audit is sent to and how far that has come. */
export interface StoredExport extends ExportSettings {
  /** Another one after each change of the settings. */
  revision: string;
  /** Entries up to this number were taken, or are not wanted. */
  position: number;
  lastSentId: number | null;
  lastSentAtMs: number | null;
  trouble: ExportTrouble | null;
  changedAtMs: number;
  changedBy: string;
}

/** What a decision over the settings comes to; null ends the sending. */
export interface ExportChange {
  next: Omit<StoredExport, "revision"> | null;
  event: { type: AuditEventType; data: Record<string, unknown> };
}

/** How far the sending has come. */
export interface ExportProgress {
  position: number;
  /** The last entry that was taken now, if any. */
  sent: { id: number; atMs: number } | null;
  trouble: ExportTrouble | null;
}

/** The one row. */
const name = "audit";

/** Reads and writes where the audit is sent to. Changes are events, which `onChanged` hears once committed. */
export function auditExportStore(
  db: Kysely<Database>,
  now: () => number,
  onChanged: (event: StoredEvent) => void,
) {
  const tellAll = (events: readonly StoredEvent[]): void => events.forEach(onChanged);
  return {
    /** Null while the audit is not sent. */
    current: (): Promise<StoredExport | null> => read(db),
    /**
     * Changes what is there at that moment: nothing is archived or changed meanwhile. Null leaves it alone; answers what
     * was there before, and what is now.
     */
    async change(
      decide: (before: StoredExport | null, chain: Chain) => ExportChange | null,
    ): Promise<{ before: StoredExport | null; after: StoredExport | null }> {
      const made = await db.transaction().execute(async (transaction) => {
        await lockChain(transaction);
        const before = await read(transaction);
        const change = decide(before, shownChain(await chainOf(transaction)));
        if (change === null) return { before, after: before, events: [] };
        const after = change.next && { ...change.next, revision: randomBytes(12).toString("hex") };
        await transaction.deleteFrom("audit_exports").where("name", "=", name).execute();
        if (after) await transaction.insertInto("audit_exports").values(rowOf(after)).execute();
        const events = await appendEvents(transaction, [draftOf(change.event, now())]);
        return { before, after, events };
      });
      tellAll(made.events);
      return made;
    },
    /**
     * Writes how far the sending has come, with the event of its end if it stops. False, and nothing is written, when
     * the settings are others by now or another server has come further.
     */
    async advance(
      from: StoredExport,
      { position, sent, trouble }: ExportProgress,
      event: ExportChange["event"] | null = null,
    ): Promise<boolean> {
      const events = await db.transaction().execute(async (transaction) => {
        const updated = await transaction
          .updateTable("audit_exports")
          .set({
            position,
            ...troubleColumns(trouble),
            ...(sent && { last_sent_id: sent.id, last_sent_at: sent.atMs }),
          })
          .where("name", "=", name)
          .where("revision", "=", from.revision)
          .where("position", "=", from.position)
          .executeTakeFirst();
        if (Number(updated.numUpdatedRows) !== 1) return null;
        return event === null ? [] : appendEvents(transaction, [{ ...draftOf(event, now()), origin: null }]);
      });
      tellAll(events ?? []);
      return events !== null;
    },
  };
}

/** See {@link auditExportStore}. */
export type AuditExportStore = ReturnType<typeof auditExportStore>;

function draftOf({ type, data }: ExportChange["event"], atMs: number) {
  return { jobId: null, userId: null, type, atMs, data };
}

async function read(db: Kysely<Database>): Promise<StoredExport | null> {
  const row = await db.selectFrom("audit_exports").selectAll().where("name", "=", name).executeTakeFirst();
  return row ? storedOf(row) : null;
}

function storedOf(row: Selectable<AuditExportsTable>): StoredExport {
  return {
    revision: row.revision,
    format: row.format as AuditExportFormat,
    url: row.url,
    scheme: row.scheme,
    sealedToken: row.sealed_token,
    securityOnly: Number(row.security_only) === 1,
    position: Number(row.position),
    lastSentId: numberOrNull(row.last_sent_id),
    lastSentAtMs: numberOrNull(row.last_sent_at),
    trouble:
      row.problem === null
        ? null
        : {
            problem: row.problem,
            entry: numberOrNull(row.problem_entry),
            sinceMs: Number(row.failing_since),
            attempts: Number(row.attempts),
            nextTryAtMs: numberOrNull(row.next_try_at),
          },
    changedAtMs: Number(row.changed_at),
    changedBy: row.changed_by,
  };
}

function rowOf(stored: StoredExport): AuditExportsTable {
  return {
    name,
    revision: stored.revision,
    format: stored.format,
    url: stored.url,
    scheme: stored.scheme,
    sealed_token: stored.sealedToken,
    security_only: stored.securityOnly ? 1 : 0,
    position: stored.position,
    last_sent_id: stored.lastSentId,
    last_sent_at: stored.lastSentAtMs,
    ...troubleColumns(stored.trouble),
    changed_at: stored.changedAtMs,
    changed_by: stored.changedBy,
  };
}

function troubleColumns(trouble: ExportTrouble | null) {
  return {
    attempts: trouble?.attempts ?? 0,
    problem: trouble?.problem ?? null,
    problem_entry: trouble?.entry ?? null,
    failing_since: trouble?.sinceMs ?? null,
    next_try_at: trouble?.nextTryAtMs ?? null,
  };
}

function numberOrNull(value: number | string | null): number | null {
  return value === null ? null : Number(value);
}
