import { securityEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import type {
  AuditExport,
  AuditExportDraft,
  auditExportEndpoints,
  AuditExportTrial,
} from "@simpletuner-cloud/contract/audit-export.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import { OutboundError } from "../adapters/outbound/outbound-http.ts";
import type { AuditEntryStore, Chain } from "../db/stores/audit-entries.ts";
import type { AuditExportStore, ExportChange, StoredExport } from "../db/stores/audit-exports.ts";
import { formatEntry, type FormatSource } from "../domain/audit-formats.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import type { AuditCollector, CollectorTarget, TargetOf } from "./audit-collector.ts";
import type { AuditLog } from "./audit-log.ts";
import { shown } from "./audit.ts";
import type { Handlers, RequestContext } from "./handler.ts";

/** What sending the audit to a collector needs. */
export interface AuditExportOptions {
  auditEntries: AuditEntryStore;
  auditExports: AuditExportStore;
  auditLog: Pick<AuditLog, "seal">;
  collector: AuditCollector;
  targetOf: TargetOf;
  secrets: Pick<SecretBox, "seal">;
  /** Throws an {@link OutboundError} for an address that people may not have called. */
  checkAddress: (url: string) => Promise<void>;
  source: FormatSource;
  now: () => number;
}

type ExportHandlers = Handlers<typeof auditExportEndpoints>;

/** Where the audit is sent to: set, tried, looked at and ended. */
export function auditExportService(options: AuditExportOptions): ExportHandlers {
  return { ...settings(options), ...looks(options) };
}

function settings(options: AuditExportOptions) {
  const { auditExports, auditLog } = options;
  const state = async (): Promise<AuditExport> => stateOf(options, await auditExports.current());
  const set = async ({ body }: { body: AuditExportDraft }, { caller, closed }: RequestContext) => {
    await checkAddress(options, body.webhook_url);
    // "From now on" is after what has happened by now.
    await auditLog.seal();
    const { before, after } = await auditExports.change((earlier, chain) =>
      changed(options, body, { earlier, chain, by: caller.username }),
    );
    if (before !== null && before.url !== after?.url) await sayFarewell(options, before, closed);
    return state();
  };
  return {
    async auditExport() {
      await auditLog.seal();
      return state();
    },
    setAuditExport: set,
    postAuditExport: set,
    async endAuditExport(_, { closed }) {
      const { before } = await auditExports.change((earlier) => earlier && ending(earlier));
      if (before) await sayFarewell(options, before, closed);
      return state();
    },
    async resumeAuditExport({ body: { skip_entry: skipped } }) {
      await auditExports.change((earlier) => {
        if (earlier === null) throw fail("audit_export_off");
        return resumed(earlier, skipped ?? null);
      });
      return state();
    },
  } satisfies Partial<ExportHandlers>;
}

function looks(options: AuditExportOptions) {
  const { auditEntries, auditExports, auditLog, collector, source, now } = options;
  return {
    async testAuditExport({ body }, { closed }) {
      const target = await trialTarget(options, body, await auditExports.current());
      const entry = trialEntry(now());
      const startedAt = performance.now();
      const { kind, status, answer, problem } = await collector(target, entry, closed);
      return {
        ok: kind === "taken",
        status,
        answer,
        problem,
        latency_ms: Math.round(performance.now() - startedAt),
        sent: formatEntry(entry, target.format, source).body,
      };
    },
    async previewAuditExport({ query: { format } }) {
      await auditLog.seal();
      const [newest] = await auditEntries.page({}, 1, 0);
      const entry = newest ? shown(newest) : trialEntry(now());
      const { contentType, body } = formatEntry(entry, format, source);
      return { entry_id: entry.id, content_type: contentType, body };
    },
  } satisfies Partial<ExportHandlers>;
}

/** Throws `audit_export_invalid` for an address that is none, or that may not be called. */
async function checkAddress({ checkAddress: check }: AuditExportOptions, url: string): Promise<void> {
  if (!URL.canParse(url))
    throw fail("audit_export_invalid", {
      field: "webhook_url",
      problem: "this is not an address like https://collector.example/events.",
    });
  await check(url).catch((error: unknown) => {
    if (!(error instanceof OutboundError)) throw error;
    throw fail("audit_export_invalid", { field: "webhook_url", problem: error.message });
  });
}

function changed(
  options: AuditExportOptions,
  draft: AuditExportDraft,
  { earlier, chain, by }: { earlier: StoredExport | null; chain: Chain; by: string },
): ExportChange {
  const { format, webhook_url: url, security_only: securityOnly = false, start } = draft;
  const position = positionOf(start ?? null, earlier, chain);
  const { scheme, token } = credentialOf(draft, earlier);
  const sealedToken =
    token === undefined ? (earlier?.sealedToken ?? null) : token && options.secrets.seal(token);
  return {
    next: {
      format,
      url,
      scheme,
      sealedToken,
      securityOnly,
      position,
      lastSentId: earlier?.lastSentId ?? null,
      lastSentAtMs: earlier?.lastSentAtMs ?? null,
      // What failed as it was has another chance as it is.
      trouble: null,
      changedAtMs: options.now(),
      changedBy: by,
    },
    event: {
      type: "audit.export_changed",
      data: {
        on: true,
        host: new URL(url).host,
        format,
        security_only: securityOnly,
        from_entry: position,
      },
    },
  };
}

function positionOf(
  start: AuditExportDraft["start"] | null,
  earlier: StoredExport | null,
  chain: Chain,
): number {
  if (start === "beginning") return chain.start.id;
  return start === "now" || earlier === null ? chain.last.id : earlier.position;
}

/**
 * The scheme and the token of a draft; undefined: the token that is stored. That belongs to the place it was given for,
 * and is not sent to another. Throws `audit_export_invalid`.
 */
function credentialOf(
  draft: Pick<AuditExportDraft, "auth_scheme" | "auth_token" | "webhook_url">,
  earlier: StoredExport | null,
): { scheme: string; token: string | null | undefined } {
  const { auth_scheme: given, auth_token: text, webhook_url: url } = draft;
  const usual = given ?? (text === undefined ? earlier?.scheme : undefined) ?? "ApiKey";
  if (text === undefined) {
    if (earlier?.sealedToken && new URL(earlier.url).origin !== new URL(url).origin)
      throw fail("audit_export_invalid", {
        field: "auth_token",
        problem: "send the token that belongs to this address, or null for none.",
      });
    return { scheme: usual, token: undefined };
  }
  if (text === null) return { scheme: usual, token: null };
  const [first = "", second, ...more] = text.trim().split(/ +/);
  if (first === "" || more.length > 0 || (second !== undefined && !/^[A-Za-z][\w.-]{0,39}$/.test(first)))
    throw fail("audit_export_invalid", {
      field: "auth_token",
      problem: "write the token alone, or the scheme and the token with one space between.",
    });
  return second === undefined ? { scheme: usual, token: first } : { scheme: given ?? first, token: second };
}

function ending({ url }: StoredExport): ExportChange {
  return {
    next: null,
    event: { type: "audit.export_changed", data: { on: false, host: new URL(url).host } },
  };
}

function resumed(earlier: StoredExport, skipped: number | null): ExportChange | null {
  const { trouble, position } = earlier;
  if (skipped !== null && (!isStopped(earlier) || trouble?.entry !== skipped))
    throw fail("audit_export_not_refused", { entry: skipped });
  if (trouble === null) return null;
  return {
    next: { ...earlier, position: skipped ?? position, trouble: null },
    event: { type: "audit.export_resumed", data: { host: new URL(earlier.url).host, skipped } },
  };
}

/** The collector gets the entry that tells why no more come, if it answers; else the missing numbers tell. */
async function sayFarewell(
  { auditEntries, auditLog, collector, targetOf }: AuditExportOptions,
  before: StoredExport,
  closed: AbortSignal,
): Promise<void> {
  await auditLog.seal();
  const [last] = await auditEntries.page({ types: ["audit.export_changed"] }, 1, 0);
  const target = targetOf(before);
  if (last && typeof target !== "string") await collector(target, shown(last), closed).catch(() => undefined);
}

/** What a trial calls: what it names, else what is set. */
async function trialTarget(
  options: AuditExportOptions,
  trial: AuditExportTrial,
  stored: StoredExport | null,
): Promise<CollectorTarget> {
  const url = trial.webhook_url ?? stored?.url;
  if (url === undefined) throw fail("audit_export_off");
  await checkAddress(options, url);
  const { scheme, token } = credentialOf({ ...trial, webhook_url: url }, stored);
  const format = trial.format ?? stored?.format ?? "json";
  if (token !== undefined) return { format, url, scheme, token };
  const opened = stored === null ? null : options.targetOf(stored);
  if (typeof opened === "string")
    throw fail("audit_export_invalid", { field: "auth_token", problem: opened });
  return { format, url, scheme, token: opened?.token ?? null };
}

/** An event that nobody takes for something that happened. */
function trialEntry(nowMs: number): AuditEntry {
  return {
    id: 0,
    timestamp: new Date(nowMs).toISOString(),
    event_type: "audit.export_test",
    action: "test",
    actor_id: null,
    actor_username: null,
    actor_ip: null,
    target_type: "audit",
    target_id: null,
    target_name: null,
    details: { message: "This is a test. Nothing happened." },
    entry_hash: "",
  };
}

async function stateOf(options: AuditExportOptions, stored: StoredExport | null): Promise<AuditExport> {
  const { waiting } = stored ? await exportLag(options, stored) : { waiting: 0 };
  const { trouble } = stored ?? { trouble: null };
  return {
    status: stored ? statusOf(stored, waiting) : "off",
    format: stored?.format ?? null,
    webhook_url: stored?.url ?? null,
    auth_scheme: stored?.scheme ?? null,
    auth_token_set: (stored?.sealedToken ?? null) !== null,
    security_only: stored?.securityOnly ?? false,
    last_sent_id: stored?.lastSentId ?? null,
    last_sent_at: isoOrNull(stored?.lastSentAtMs ?? null),
    waiting,
    problem: trouble?.problem ?? null,
    problem_entry: trouble?.entry ?? null,
    failing_since: isoOrNull(trouble?.sinceMs ?? null),
    attempts: trouble?.attempts ?? 0,
    next_try_at: isoOrNull(trouble?.nextTryAtMs ?? null),
    changed_at: isoOrNull(stored?.changedAtMs ?? null),
    changed_by: stored?.changedBy ?? null,
  };
}

/** Whether an entry was refused, and nothing more is sent until somebody acts. */
export function isStopped({ trouble }: StoredExport): boolean {
  return trouble !== null && trouble.nextTryAtMs === null;
}

function statusOf(stored: StoredExport, waiting: number): AuditExport["status"] {
  if (stored.trouble) return isStopped(stored) ? "stopped" : "retrying";
  return waiting === 0 ? "up_to_date" : "sending";
}

/** Entries that are sealed and still to be sent, and when the oldest of them happened. */
export async function exportLag(
  { auditEntries }: { auditEntries: Pick<AuditEntryStore, "chain" | "countByType" | "after"> },
  { position, securityOnly }: StoredExport,
): Promise<{ waiting: number; oldestAtMs: number | null }> {
  const { start, last } = await auditEntries.chain();
  const from = Math.max(position, start.id);
  if (from >= last.id) return { waiting: 0, oldestAtMs: null };
  const filter = securityOnly ? { types: securityEventTypes } : {};
  const [oldest] = await auditEntries.after(from, last.id, 1, filter);
  if (!oldest) return { waiting: 0, oldestAtMs: null };
  if (!securityOnly) return { waiting: last.id - from, oldestAtMs: oldest.atMs };
  const byType = Object.entries(await auditEntries.countByType(from, last.id));
  const wanted = byType.filter(([type]) => securityEventTypes.includes(type));
  return { waiting: wanted.reduce((sum, [, entries]) => sum + entries, 0), oldestAtMs: oldest.atMs };
}
