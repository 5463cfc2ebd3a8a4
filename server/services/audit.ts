import { auditedEventTypes, securityEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditEntry, auditEndpoints, AuditFilters } from "@simpletuner-cloud/contract/audit.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import type { AuditEntryStore, EntryFilter } from "../db/stores/audit-entries.ts";
import type { SealedRecord } from "../domain/audit-chain.ts";
import type { AuditLog } from "./audit-log.ts";
import { csvLine } from "./csv-line.ts";
import type { Handlers } from "./handler.ts";

const dayMs = 86_400_000;
/** Entries that an export reads at once. */
const exportedAtOnce = 1_000;
const mostBreaksTold = 100;

/** Looks at the audit; everything that happened before the question is in the answer. */
export function auditService(options: {
  auditEntries: AuditEntryStore;
  auditLog: AuditLog;
  now: () => number;
}): Handlers<typeof auditEndpoints> {
  const { auditEntries, auditLog } = options;
  const pageOf = async (filter: EntryFilter, { limit = 50, offset = 0 }: Paging) => {
    await auditLog.seal();
    const [page, total] = await Promise.all([
      auditEntries.page(filter, limit, offset),
      auditEntries.count(filter),
    ]);
    return { entries: page.map(shown), total, has_more: offset + page.length < total };
  };
  return {
    listAudit: ({ query }) => pageOf(filterOf(query), query),
    auditOfUser: ({ params, query }) => pageOf({ actorId: params.user_id }, query),
    securityAudit: ({ query }) => pageOf({ types: securityEventTypes }, query),
    async auditTypes() {
      return { types: [...auditedEventTypes], security: [...securityEventTypes] };
    },
    async auditStats() {
      await auditLog.seal();
      const { start, last } = await auditEntries.chain();
      const [[first], [newest], byType, lastDay] = await Promise.all([
        auditEntries.after(start.id, last.id, 1),
        auditEntries.page({}, 1, 0),
        auditEntries.countByType(),
        auditEntries.count({ sinceMs: options.now() - dayMs }),
      ]);
      return {
        total_entries: Object.values(byType).reduce((sum, entries) => sum + entries, 0),
        by_type: byType,
        last_24h: lastDay,
        first_entry: isoOrNull(first?.atMs ?? null),
        last_entry: isoOrNull(newest?.atMs ?? null),
      };
    },
    async verifyAudit({ query }) {
      await auditLog.seal();
      const { checked, breaks, firstId, lastId } = await auditLog.verify(query.start_id, query.end_id);
      return {
        valid: breaks.length === 0,
        entries_checked: checked,
        broken_links: breaks
          .slice(0, mostBreaksTold)
          .map(({ id, lastId: last, reason }) => ({ id, last_id: last, reason })),
        first_id: firstId,
        last_id: lastId,
      };
    },
    async exportAudit({ query }) {
      await auditLog.seal();
      const { start, last } = await auditEntries.chain();
      return exported(auditEntries, filterOf(query), start.id, last.id, query.format ?? "jsonl");
    },
  };
}

interface Paging {
  limit?: number | undefined;
  offset?: number | undefined;
}

/** An entry as the API shows it. */
export function shown(record: SealedRecord): AuditEntry {
  return {
    id: record.id,
    timestamp: new Date(record.atMs).toISOString(),
    event_type: record.type,
    action: record.type.slice(record.type.lastIndexOf(".") + 1),
    actor_id: record.actorId,
    actor_username: record.actorName,
    actor_ip: record.address,
    target_type: record.targetType,
    target_id: record.targetId,
    target_name: record.targetName,
    details: JSON.parse(record.data) as Record<string, unknown>,
    entry_hash: record.hash,
  };
}

function filterOf(query: AuditFilters): EntryFilter {
  return {
    types: query.event_type
      ?.split(",")
      .map((type) => type.trim())
      .filter((type) => type !== ""),
    actorId: query.actor_id,
    targetType: query.target_type,
    targetId: query.target_id,
    sinceMs: query.since === undefined ? undefined : Date.parse(query.since),
    untilMs: query.until === undefined ? undefined : Date.parse(query.until),
  };
}

const columns = [
  "id",
  "timestamp",
  "event_type",
  "actor_id",
  "actor_username",
  "actor_ip",
  "target_type",
  "target_id",
  "target_name",
  "details",
  "entry_hash",
] as const satisfies readonly (keyof AuditEntry)[];

async function* exported(
  entries: AuditEntryStore,
  filter: EntryFilter,
  from: number,
  last: number,
  format: "jsonl" | "csv",
): AsyncGenerator<string> {
  if (format === "csv") yield csvLine(columns);
  for (let at = from; ;) {
    const page = await entries.after(at, last, exportedAtOnce, filter);
    at = page.at(-1)?.id ?? at;
    yield page.map((record) => lineOf(shown(record), format)).join("");
    if (page.length < exportedAtOnce) return;
  }
}

function lineOf(entry: AuditEntry, format: "jsonl" | "csv"): string {
  if (format === "jsonl") return `${JSON.stringify(entry)}\n`;
  return csvLine(
    columns.map((name) => (name === "details" ? JSON.stringify(entry.details) : String(entry[name] ?? ""))),
  );
}
