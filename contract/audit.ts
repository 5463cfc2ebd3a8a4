import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeString } from "./instants.ts";

/** One entry of the audit: who did what to whom, when and from where. */
export const AuditEntry = Type.Object({
  id: Type.Integer({ description: "Its place in the chain, 1, 2, 3 …" }),
  timestamp: Instant,
  event_type: Type.String(),
  action: Type.String({ description: "The last part of the type, as in `created`" }),
  actor_id: MaybeString,
  actor_username: MaybeString,
  actor_ip: MaybeString,
  target_type: MaybeString,
  target_id: MaybeString,
  target_name: MaybeString,
  details: Type.Record(Type.String(), Type.Unknown()),
  entry_hash: Type.String({ description: "HMAC-SHA256 over every field and the hash of the entry before" }),
});
/** See the schema. */
export type AuditEntry = Static<typeof AuditEntry>;

/** A place where the chain does not hold. */
export const AuditBreak = Type.Object({
  id: Type.Integer({ description: "The first entry concerned" }),
  last_id: Type.Integer({ description: "The last one" }),
  reason: Type.Enum(["changed", "missing", "cut_off", "other_key"], {
    description:
      "changed: an entry is not as it was written; missing: entries were taken out; cut_off: the newest are gone; other_key: entries were sealed with a key this server does not have",
  }),
});
/** See the schema. */
export type AuditBreak = Static<typeof AuditBreak>;

const Filters = {
  event_type: Type.Optional(Type.String({ maxLength: 64, description: "One type, or several with commas" })),
  actor_id: Type.Optional(Type.String({ maxLength: 64 })),
  target_type: Type.Optional(Type.String({ maxLength: 32 })),
  target_id: Type.Optional(Type.String({ maxLength: 200 })),
  since: Type.Optional(Type.String({ format: "date-time" })),
  until: Type.Optional(Type.String({ format: "date-time" })),
};
/** What entries can be chosen by. */
export const AuditFilters = Type.Object(Filters);
/** See the schema. */
export type AuditFilters = Static<typeof AuditFilters>;

const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000, default: 0 })),
};
const Page = Type.Object({
  entries: Type.Array(AuditEntry),
  total: Type.Integer(),
  has_more: Type.Boolean(),
});
const tag = "Audit";
const access = "admin.audit";

/** Endpoints of the audit (CONTRACT 1.16). */
export const auditEndpoints = {
  listAudit: endpoint({
    method: "GET",
    path: "/api/audit",
    access,
    tag,
    summary: "Entries of the audit, newest first",
    query: Type.Object({ ...Filters, ...paging }),
    answer: Page,
    errors: [],
  }),
  auditStats: endpoint({
    method: "GET",
    path: "/api/audit/stats",
    access,
    tag,
    summary: "How many entries there are, by type and of the last 24 hours",
    answer: Type.Object({
      total_entries: Type.Integer(),
      by_type: Type.Record(Type.String(), Type.Integer()),
      last_24h: Type.Integer(),
      first_entry: MaybeInstant,
      last_entry: MaybeInstant,
    }),
    errors: [],
  }),
  auditTypes: endpoint({
    method: "GET",
    path: "/api/audit/types",
    access,
    tag,
    summary: "Every type of entry this release writes",
    answer: Type.Object({ types: Type.Array(Type.String()), security: Type.Array(Type.String()) }),
    errors: [],
  }),
  verifyAudit: endpoint({
    method: "GET",
    path: "/api/audit/verify",
    access,
    tag,
    summary: "Check the chain, all of it or from one entry to another",
    query: Type.Object({
      start_id: Type.Optional(Type.Integer({ minimum: 1 })),
      end_id: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    answer: Type.Object({
      valid: Type.Boolean(),
      entries_checked: Type.Integer(),
      broken_links: Type.Array(AuditBreak, { description: "At most 100" }),
      first_id: Type.Union([Type.Integer(), Type.Null()]),
      last_id: Type.Union([Type.Integer(), Type.Null()]),
    }),
    errors: [],
  }),
  auditOfUser: endpoint({
    method: "GET",
    path: "/api/audit/user/{user_id}",
    access,
    tag,
    summary: "What one user did, newest first",
    params: Type.Object({ user_id: Type.String({ minLength: 1, maxLength: 64 }) }),
    query: Type.Object(paging),
    answer: Page,
    errors: [],
  }),
  securityAudit: endpoint({
    method: "GET",
    path: "/api/audit/security",
    access,
    tag,
    summary: "Refused sign-ins, permissions, deliveries and rates, newest first",
    query: Type.Object(paging),
    answer: Page,
    errors: [],
  }),
  exportAudit: endpoint({
    method: "GET",
    path: "/api/audit/export",
    access,
    tag,
    summary: "Entries as a file, oldest first",
    query: Type.Object({
      ...Filters,
      format: Type.Optional(
        Type.Enum(["jsonl", "csv"], { default: "jsonl", description: "jsonl: one object a line" }),
      ),
    }),
    answer: { stream: "text", description: "JSON lines or CSV", fileName: "audit.{format}" },
    errors: [],
  }),
};
