import { isIP } from "node:net";
import { securityEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import type { AuditExportFormat } from "@simpletuner-cloud/contract/audit-export.ts";

/** Who sends, as formats with a place for it tell. */
export interface FormatSource {
  hostName: string;
  version: string;
}

/** The body of one request to a collector. */
export interface FormattedEntry {
  contentType: string;
  body: string;
}

/** Writes an entry as a collector takes it. The same entry always gives the same text. */
export function formatEntry(
  entry: AuditEntry,
  format: AuditExportFormat,
  source: FormatSource,
): FormattedEntry {
  if (format === "json") return { contentType: "application/json", body: JSON.stringify(ecsOf(entry)) };
  const body = format === "cef" ? cefOf(entry, source) : syslogOf(entry, source);
  return { contentType: "text/plain; charset=utf-8", body };
}

/** Kinds of events by the start of their type, in the categories of the Elastic Common Schema. */
const categories: readonly [start: string, category: string][] = [
  ["auth.session.", "session"],
  ["auth.", "authentication"],
  ["user.", "iam"],
  ["level.", "iam"],
  ["api_key.", "iam"],
  ["security.", "web"],
  ["webhook_rejected", "web"],
  ["job.", "process"],
  ["backup.", "database"],
  ["jobs.", "database"],
];

/** What happened by the end of the type, in the types of the Elastic Common Schema. */
const kinds: readonly [end: RegExp, type: string][] = [
  [/(denied|rejected|limited|login\.failed)$/, "denied"],
  [/failed$/, "error"],
  [/job\.created$|started$|login\.success$/, "start"],
  [/stopped$|logout$|expired$|cancel_requested$|session\.revoked$/, "end"],
  [/created$|invited$/, "creation"],
  [/deleted$|revoked$|pruned$|forgotten$/, "deletion"],
];

function categoryOf(type: string): string {
  return categories.find(([start]) => type.startsWith(start))?.[1] ?? "configuration";
}

function kindOf(type: string): string {
  return kinds.find(([end]) => end.test(type))?.[1] ?? "change";
}

function outcomeOf(type: string): "success" | "failure" {
  return ["denied", "error"].includes(kindOf(type)) ? "failure" : "success";
}

/** The body of CONTRACT 1.16, with the place in the chain and the seal, by which a collector finds repetitions and gaps. */
function ecsOf(entry: AuditEntry) {
  const { id, timestamp, event_type: type, action, entry_hash: hash, ...rest } = entry;
  const category = categoryOf(type);
  const about = category === "iam" ? [type.startsWith("level.") ? "group" : "user"] : [];
  return {
    "@timestamp": timestamp,
    event: {
      kind: "event",
      category: [category],
      type: [...about, kindOf(type)],
      action,
      outcome: outcomeOf(type),
      sequence: id,
      hash,
    },
    simpletuner: { audit_id: id, event_type: type, ...rest },
  };
}

/** 0 (of no interest) to 10, as the Common Event Format counts. */
function cefSeverity(type: string): number {
  if (securityEventTypes.includes(type)) return 7;
  return outcomeOf(type) === "failure" ? 6 : 3;
}

/** A line of the Common Event Format, version 0. */
function cefOf(entry: AuditEntry, { version }: FormatSource): string {
  const type = entry.event_type;
  const address = entry.actor_ip;
  const fields: [string, string | null][] = [
    ["rt", String(Date.parse(entry.timestamp))],
    ["externalId", String(entry.id)],
    ["act", entry.action],
    ["outcome", outcomeOf(type)],
    ["suid", entry.actor_id],
    ["suser", entry.actor_username],
    ...addressFields(address),
    ...ownField("cs1", "targetType", entry.target_type),
    ...ownField("cs2", "targetId", entry.target_id),
    ...ownField("cs3", "targetName", entry.target_name),
    ...ownField("cs4", "details", JSON.stringify(entry.details)),
    ...ownField("cs5", "entryHash", entry.entry_hash),
  ];
  const head = ["SimpleTuner", "Cloud", version, type, sentenceOf(entry)].map(cefHead);
  const tail = fields.flatMap(([name, value]) => (value === null ? [] : [`${name}=${cefValue(value)}`]));
  return `CEF:0|${head.join("|")}|${cefSeverity(type)}|${tail.join(" ")}`;
}

function addressFields(address: string | null): [string, string | null][] {
  if (address === null || isIP(address) === 0) return [];
  return isIP(address) === 4 ? [["src", address]] : ownField("c6a2", "sourceAddress", address);
}

function ownField(name: string, label: string, value: string | null): [string, string | null][] {
  return value === null
    ? []
    : [
        [`${name}Label`, label],
        [name, value],
      ];
}

function cefHead(text: string): string {
  return withoutControls(text).replaceAll(/[\\|]/g, "\\$&");
}

function cefValue(text: string): string {
  const escaped = text.replaceAll(/[\\=]/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  return withoutControls(escaped);
}

/** Facility 13 of RFC 5424, the audit. */
const facility = 13;
/** Enterprise 32473 is the one that RFC 5612 leaves to whoever has no number of their own. */
const structureName = "simpletuner@32473";

/** A message of RFC 5424. */
function syslogOf(entry: AuditEntry, { hostName, version }: FormatSource): string {
  const type = entry.event_type;
  const severity = securityEventTypes.includes(type) ? 4 : outcomeOf(type) === "failure" ? 5 : 6;
  const head = [
    `<${facility * 8 + severity}>1`,
    entry.timestamp,
    printable(hostName, 255),
    "simpletuner-cloud",
    "-",
    printable(type, 32),
  ];
  const { event_type, action, actor_id, actor_username, actor_ip, target_type, target_id, target_name } =
    entry;
  const own = {
    audit_id: String(entry.id),
    event_type,
    action,
    actor_id,
    actor_username,
    actor_ip,
    target_type,
    target_id,
    target_name,
    details: JSON.stringify(entry.details),
    entry_hash: entry.entry_hash,
  };
  const meta = `[origin software="simpletuner-cloud" swVersion="${structured(version)}"]`;
  // The BOM says that the words are UTF-8.
  return `${head.join(" ")} [${structureName}${parameters(own)}]${meta} \uFEFF${withoutControls(sentenceOf(entry))}`;
}

function parameters(values: Record<string, string | null>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === null ? [] : [` ${name}="${structured(value)}"`]))
    .join("");
}

function structured(value: string): string {
  return withoutControls(value).replaceAll(/["\\\]]/g, "\\$&");
}

/** Printable ASCII without spaces, or the dash that stands for nothing. */
function printable(text: string, length: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, "").slice(0, length) || "-";
}

/** One entry is one line, whatever names people choose. */
function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}|[\u2028\u2029]/gu, " ");
}

function sentenceOf(entry: AuditEntry): string {
  const who = entry.actor_username ?? entry.actor_id ?? "the server";
  const target = entry.target_name ?? entry.target_id;
  return `${entry.event_type} by ${who}${target === null ? "" : `: ${target}`}`;
}
