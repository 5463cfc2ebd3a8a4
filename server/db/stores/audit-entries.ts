import type { ExpressionBuilder, Kysely, Selectable } from "kysely";
import { auditedEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import {
  type AuditRecord,
  type AuditSealer,
  type ChainStart,
  type SealedRecord,
} from "../../domain/audit-chain.ts";
import { auditTarget } from "../../domain/audit-target.ts";
import type { AuditChainTable } from "../audit-tables.ts";
import type { EventOrigin } from "../event-origin.ts";
import { fixedLimit } from "../fixed-limit.ts";
import type { Database } from "../schema.ts";
import { appendEvents } from "./job-events.ts";

/** Entries sealed in one transaction. */
const atOnce = 1_000;
/** Rows of one statement: 13 values each. */
const rowsOfStatement = 250;
/** So many events without an entry are looked at again rather than written down as seen. */
const unseenKept = 1_000;

/** What entries are chosen by. */
export interface EntryFilter {
  types?: readonly string[] | undefined;
  actorId?: string | undefined;
  targetType?: string | undefined;
  targetId?: string | undefined;
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
}

/** Where a chain starts and ends. */
export interface Chain {
  start: ChainStart;
  startProof: string;
  last: ChainStart;
}

/** Entries after number `from` up to `start`, which are in a file. */
export interface ArchivedEntries {
  from: number;
  start: ChainStart;
  startProof: string;
  file: string;
}

/** Reads and writes the audit's entries. */
export function auditEntryStore(db: Kysely<Database>, now: () => number) {
  return {
    ...reading(db),
    ...counting(db),
    /** Makes entries of events that have none yet; answers how many, and false when there are more. */
    async seal(sealer: AuditSealer): Promise<{ sealed: number; done: boolean }> {
      const [chain, latest] = await Promise.all([chainOf(db), latestEvent(db)]);
      if (Number(chain.seen_event_id) >= latest) return { sealed: 0, done: true };
      return db.transaction().execute((transaction) => sealSome(transaction, sealer));
    },
    /**
     * Takes entries out that are in `file` now; answers false when another server was faster, or one of them is still to
     * be sent to a collector.
     */
    removeArchived: (archived: ArchivedEntries): Promise<boolean> =>
      db.transaction().execute((transaction) => removeSome(transaction, archived, now())),
  };
}

/** See {@link auditEntryStore}. */
export type AuditEntryStore = ReturnType<typeof auditEntryStore>;

function reading(db: Kysely<Database>) {
  return {
    async chain(): Promise<Chain> {
      return shownChain(await chainOf(db));
    },
    /** Entries after number `after` up to number `last`, oldest first. */
    async after(
      after: number,
      last: number,
      limit: number,
      filter: EntryFilter = {},
    ): Promise<SealedRecord[]> {
      const rows = await db
        .selectFrom("audit_entries")
        .selectAll()
        .where((row) => row.and([row("id", ">", after), row("id", "<=", last), ...conditions(row, filter)]))
        .orderBy("id")
        .limit(fixedLimit(limit))
        .execute();
      return rows.map(recordOf);
    },
    /** One page, newest first. */
    async page(filter: EntryFilter, limit: number, offset: number): Promise<SealedRecord[]> {
      const rows = await db
        .selectFrom("audit_entries")
        .selectAll()
        .where((row) => row.and(conditions(row, filter)))
        .orderBy("id", "desc")
        .limit(fixedLimit(limit))
        .offset(fixedLimit(offset))
        .execute();
      return rows.map(recordOf);
    },
  };
}

function counting(db: Kysely<Database>) {
  return {
    /** How many entries match. */
    async count(filter: EntryFilter): Promise<number> {
      const row = await db
        .selectFrom("audit_entries")
        .select((entry) => entry.fn.countAll<number>().as("entries"))
        .where((entry) => entry.and(conditions(entry, filter)))
        .executeTakeFirstOrThrow();
      return Number(row.entries);
    },
    /** Entries after number `after` up to number `last`, by type; all without them. */
    async countByType(after = 0, last = Number.MAX_SAFE_INTEGER): Promise<Record<string, number>> {
      const rows = await db
        .selectFrom("audit_entries")
        .select((entry) => ["type", entry.fn.countAll<number>().as("entries")])
        .where("id", ">", after)
        .where("id", "<=", last)
        .groupBy("type")
        .orderBy("type")
        .execute();
      return Object.fromEntries(rows.map(({ type, entries }) => [type, Number(entries)]));
    },
    /** The number of the last entry that is older; null when none is. */
    async lastBefore(atMs: number): Promise<number | null> {
      const row = await db
        .selectFrom("audit_entries")
        .select("id")
        .where("at", "<", atMs)
        .orderBy("at", "desc")
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      return row ? Number(row.id) : null;
    },
    /** The number of the first entry that is not older; null when all are. */
    async firstSince(atMs: number): Promise<number | null> {
      const row = await db
        .selectFrom("audit_entries")
        .select((entry) => entry.fn.min("id").as("id"))
        .where("at", ">=", atMs)
        .executeTakeFirst();
      return row?.id === null || row === undefined ? null : Number(row.id);
    },
  };
}

async function sealSome(transaction: Kysely<Database>, sealer: AuditSealer) {
  await lockChain(transaction);
  const chain = await chainOf(transaction);
  const seen = Number(chain.seen_event_id);
  // Numbers appear in the order of commits, so below the newest that is visible none can come any more.
  const latest = await latestEvent(transaction);
  const events = await transaction
    .selectFrom("job_events")
    .selectAll()
    .where("id", ">", seen)
    .where("id", "<=", latest)
    .where("type", "in", auditedEventTypes)
    .orderBy("id")
    .limit(fixedLimit(atOnce))
    .execute();
  const done = events.length < atOnce;
  if (events.length === 0 && latest - seen < unseenKept) return { sealed: 0, done };
  let last: ChainStart = { id: Number(chain.last_id), hash: chain.last_hash };
  const rows = events.map((event) => {
    const record = recordFrom(event, last.id + 1);
    const hash = sealer.hashOf(record, last.hash);
    last = { id: record.id, hash };
    return rowOf({ ...record, keyId: sealer.keyId, hash });
  });
  for (let at = 0; at < rows.length; at += rowsOfStatement)
    await transaction
      .insertInto("audit_entries")
      .values(rows.slice(at, at + rowsOfStatement))
      .execute();
  await transaction
    .updateTable("audit_chain")
    .set({
      last_id: last.id,
      last_hash: last.hash,
      seen_event_id: done ? latest : Number(events.at(-1)?.id),
    })
    .execute();
  return { sealed: rows.length, done };
}

async function removeSome(
  transaction: Kysely<Database>,
  { from, start, startProof, file }: ArchivedEntries,
  atMs: number,
): Promise<boolean> {
  await lockChain(transaction);
  const chain = await chainOf(transaction);
  if (Number(chain.start_id) !== from) return false;
  const collector = await transaction.selectFrom("audit_exports").select("position").executeTakeFirst();
  if (collector && Number(collector.position) < start.id) return false;
  await transaction.deleteFrom("audit_entries").where("id", "<=", start.id).execute();
  await transaction
    .updateTable("audit_chain")
    .set({ start_id: start.id, start_hash: start.hash, start_proof: startProof })
    .execute();
  const data = { first_id: from + 1, last_id: start.id, file };
  await appendEvents(transaction, [{ jobId: null, userId: null, type: "audit.archived", atMs, data }]);
  return true;
}

/** Nobody else seals or archives until the transaction ends. */
export async function lockChain(transaction: Kysely<Database>): Promise<void> {
  await transaction
    .updateTable("audit_chain")
    .set((row) => ({ last_id: row.ref("last_id") }))
    .execute();
}

/** The chain's row. */
export function chainOf(db: Kysely<Database>): Promise<Selectable<AuditChainTable>> {
  return db.selectFrom("audit_chain").selectAll().executeTakeFirstOrThrow();
}

/** Where the chain of a row starts and ends. */
export function shownChain(row: Selectable<AuditChainTable>): Chain {
  return {
    start: { id: Number(row.start_id), hash: row.start_hash },
    startProof: row.start_proof,
    last: { id: Number(row.last_id), hash: row.last_hash },
  };
}

async function latestEvent(db: Kysely<Database>): Promise<number> {
  const row = await db
    .selectFrom("counters")
    .select("value")
    .where("name", "=", "event")
    .executeTakeFirstOrThrow();
  return Number(row.value);
}

/** The record of an event: who is named in it, else on whose behalf it was stored. */
function recordFrom(event: Selectable<Database["job_events"]>, id: number): AuditRecord {
  const data = JSON.parse(event.data) as Record<string, unknown>;
  const origin = event.origin === null ? null : (JSON.parse(event.origin) as EventOrigin);
  const target = auditTarget(event.type, event.job_id, data);
  const { actor_id, actor_name, address, target_id: _, target_name: __, ...details } = data;
  return {
    id,
    eventId: Number(event.id),
    atMs: Number(event.at),
    type: event.type,
    actorId: shortText(actor_id ?? origin?.actorId ?? data["by"], 64),
    actorName: shortText(actor_name ?? origin?.actorName, 200),
    address: shortText(address ?? origin?.address, 64),
    targetType: target.type,
    targetId: shortText(target.id, 200),
    targetName: shortText(target.name, 200),
    data: JSON.stringify(details),
  };
}

function shortText(value: unknown, length: number): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, length) : null;
}

function rowOf(record: SealedRecord): Database["audit_entries"] {
  return {
    id: record.id,
    event_id: record.eventId,
    at: record.atMs,
    type: record.type,
    actor_id: record.actorId,
    actor_name: record.actorName,
    address: record.address,
    target_type: record.targetType,
    target_id: record.targetId,
    target_name: record.targetName,
    data: record.data,
    key_id: record.keyId,
    hash: record.hash,
  };
}

function recordOf(row: Selectable<Database["audit_entries"]>): SealedRecord {
  return {
    id: Number(row.id),
    eventId: Number(row.event_id),
    atMs: Number(row.at),
    type: row.type,
    actorId: row.actor_id,
    actorName: row.actor_name,
    address: row.address,
    targetType: row.target_type,
    targetId: row.target_id,
    targetName: row.target_name,
    data: row.data,
    keyId: row.key_id,
    hash: row.hash,
  };
}

function conditions(row: ExpressionBuilder<Database, "audit_entries">, filter: EntryFilter) {
  const { types, actorId, targetType, targetId, sinceMs, untilMs } = filter;
  return [
    ...(types ? [row("type", "in", types)] : []),
    ...(actorId === undefined ? [] : [row("actor_id", "=", actorId)]),
    ...(targetType === undefined ? [] : [row("target_type", "=", targetType)]),
    ...(targetId === undefined ? [] : [row("target_id", "=", targetId)]),
    ...(sinceMs === undefined ? [] : [row("at", ">=", sinceMs)]),
    ...(untilMs === undefined ? [] : [row("at", "<", untilMs)]),
  ];
}
