import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant, MaybeString } from "./instants.ts";

/** How an entry is written for a collector; one entry is the body of one request. */
export const auditExportFormats = ["json", "cef", "syslog"] as const;
/** See {@link auditExportFormats}. */
export type AuditExportFormat = (typeof auditExportFormats)[number];

const Format = Type.Enum(auditExportFormats, {
  description:
    "json: an object with the field names of the Elastic Common Schema; cef: a line of the Common Event Format; syslog: a message of RFC 5424",
});
const Address = Type.String({
  maxLength: 2_000,
  pattern: "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s@#]+$",
  description: "Where entries are posted to, without a name or password in it",
});
const Scheme = Type.String({
  maxLength: 40,
  pattern: "^[A-Za-z][A-Za-z0-9._-]*$",
  description: "As in `Bearer` or `Splunk`; left out: what the token names, else ApiKey",
});
const Token = Type.Union(
  [Type.String({ minLength: 1, maxLength: 4_096, pattern: "^[\\x21-\\x7e ]*$" }), Type.Null()],
  {
    description:
      "Sent as `Authorization: <scheme> <token>`; `Scheme token` in one text names both. Left out, the stored one stays; null takes it away",
  },
);

/**
 * off: nothing is sent; up_to_date: the collector has every entry; sending: some wait and are on their way; retrying: the
 * collector could not be reached or asked to wait; stopped: it refused an entry, and somebody has to act.
 */
export const auditExportStatuses = ["off", "up_to_date", "sending", "retrying", "stopped"] as const;

/** How the audit is sent to a collector; the token is never told. */
export const AuditExport = Type.Object({
  status: Type.Enum(auditExportStatuses),
  format: Type.Union([Format, Type.Null()]),
  webhook_url: MaybeString,
  auth_scheme: MaybeString,
  auth_token_set: Type.Boolean(),
  security_only: Type.Boolean({ description: "Only what GET /api/audit/types lists under `security`" }),
  last_sent_id: Type.Union([Type.Integer(), Type.Null()], {
    description: "The last entry that the collector took",
  }),
  last_sent_at: MaybeInstant,
  waiting: Type.Integer({ description: "Entries that are still to be sent" }),
  problem: Type.Union([Type.String(), Type.Null()], { description: "What went wrong last, and the way out" }),
  problem_entry: Type.Union([Type.Integer(), Type.Null()], {
    description: "The entry that could not be sent",
  }),
  failing_since: MaybeInstant,
  attempts: Type.Integer({ description: "How often that entry was tried in vain" }),
  next_try_at: MaybeInstant,
  changed_at: MaybeInstant,
  changed_by: MaybeString,
});
/** See the schema. */
export type AuditExport = Static<typeof AuditExport>;

const draft = {
  format: Format,
  webhook_url: Address,
  auth_scheme: Type.Optional(Scheme),
  auth_token: Type.Optional(Token),
};

/** What sending is switched on or changed with. */
export const AuditExportDraft = Type.Object(
  {
    ...draft,
    security_only: Type.Optional(Type.Boolean({ default: false })),
    start: Type.Optional(
      Type.Enum(["now", "beginning"], {
        description:
          "now: entries from here on; beginning: first all that are in the database. Left out: on from where it is, or from here on when nothing was sent before",
      }),
    ),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type AuditExportDraft = Static<typeof AuditExportDraft>;

/** What a trial sends; without an address, as it is set. */
export const AuditExportTrial = Type.Object(
  {
    format: Type.Optional(draft.format),
    webhook_url: Type.Optional(draft.webhook_url),
    auth_scheme: draft.auth_scheme,
    auth_token: draft.auth_token,
  },
  { additionalProperties: false },
);
/** See the schema. */
export type AuditExportTrial = Static<typeof AuditExportTrial>;

const tag = "Audit";
const access = "admin.audit";

/** Endpoints of sending the audit to a collector (CONTRACT 1.16). */
export const auditExportEndpoints = {
  auditExport: endpoint({
    method: "GET",
    path: "/api/audit/export-config",
    access,
    tag,
    summary: "Where the audit is sent to, and how far that has come",
    answer: AuditExport,
    errors: [],
  }),
  setAuditExport: endpoint({
    method: "PUT",
    path: "/api/audit/export-config",
    access,
    tag,
    summary: "Send the audit to a collector, or change how",
    body: AuditExportDraft,
    answer: AuditExport,
    errors: ["audit_export_invalid"],
  }),
  postAuditExport: endpoint({
    method: "POST",
    path: "/api/audit/export-config",
    access,
    tag,
    summary: "The same as PUT, for programs that post it",
    body: AuditExportDraft,
    answer: AuditExport,
    errors: ["audit_export_invalid"],
  }),
  endAuditExport: endpoint({
    method: "DELETE",
    path: "/api/audit/export-config",
    access,
    tag,
    summary: "Send nothing more; the collector still gets the entry that tells so, if it answers",
    answer: AuditExport,
    errors: [],
  }),
  testAuditExport: endpoint({
    method: "POST",
    path: "/api/audit/export-config/test",
    access,
    tag,
    summary: "Send one event that is none, and tell what the collector answered",
    body: AuditExportTrial,
    answer: Type.Object({
      ok: Type.Boolean(),
      status: Type.Union([Type.Integer(), Type.Null()], {
        description: "Of the answer; null when none came",
      }),
      answer: Type.Union([Type.String(), Type.Null()], { description: "Its beginning" }),
      problem: Type.Union([Type.String(), Type.Null()], {
        description: "Why it is not good, and the way out",
      }),
      latency_ms: Type.Integer(),
      sent: Type.String({ description: "The body of the request" }),
    }),
    errors: ["audit_export_invalid", "audit_export_off"],
  }),
  resumeAuditExport: endpoint({
    method: "POST",
    path: "/api/audit/export-config/resume",
    access,
    tag,
    summary: "Try again now after a refusal, or go on after the entry that was refused",
    body: Type.Object(
      {
        skip_entry: Type.Optional(
          Type.Integer({
            minimum: 1,
            description:
              "The refused entry, which the collector will not get; the audit tells that it was left out",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    answer: AuditExport,
    errors: ["audit_export_off", "audit_export_not_refused"],
  }),
  previewAuditExport: endpoint({
    method: "GET",
    path: "/api/audit/export-config/preview",
    access,
    tag,
    summary: "The newest entry as a collector would get it",
    query: Type.Object({ format: Format }),
    answer: Type.Object({ entry_id: Type.Integer(), content_type: Type.String(), body: Type.String() }),
    errors: [],
  }),
};
