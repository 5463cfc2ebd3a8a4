import type { Logger } from "pino";
import { securityEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditEntryStore } from "../db/stores/audit-entries.ts";
import type {
  AuditExportStore,
  ExportProgress,
  ExportTrouble,
  StoredExport,
} from "../db/stores/audit-exports.ts";
import type { SealedRecord } from "../domain/audit-chain.ts";
import { shown } from "../services/audit.ts";
import type { AuditCollector, CollectorOutcome, TargetOf } from "../services/audit-collector.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const everyMs = 1_000;
/** Entries after which the position is written down: so many at most are sent again after a crash. */
const batchEntries = 50;
/** A round ends after so long even if there is more, and the next takes it up. */
const roundMs = 30_000;
const firstWaitMs = 1_000;
const longestWaitMs = 300_000;
/** A try that lies further away than any could was set by another clock. */
const furthestMs = 2 * 3_600_000;

/** What the loop needs. */
export interface SendAuditOptions {
  auditEntries: Pick<AuditEntryStore, "chain" | "after">;
  auditExports: Pick<AuditExportStore, "current" | "advance">;
  collector: AuditCollector;
  targetOf: TargetOf;
  now: () => number;
  log: Pick<Logger, "warn" | "error">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/**
 * Sends entries of the audit to the collector, each once it is sealed, in their order and one at a time. What fails is
 * tried again after growing waits; a refusal ends the sending until somebody acts, since whatever came after would be a
 * gap. A crash sends the entries since the last written position again, and loses none.
 */
export function sendAudit(options: SendAuditOptions): Loop {
  const { auditExports, now, log, stopping, traces } = options;
  const round = async (): Promise<void> => {
    const untilMs = performance.now() + roundMs;
    while (!stopping.aborted && performance.now() < untilMs) {
      const current = await auditExports.current();
      if (current === null || !isDue(current.trouble, now())) return;
      if (!(await sendBatch(options, current))) return;
    }
  };
  return startLoop({ name: "sending the audit to the collector", everyMs, round, log, stopping, traces });
}

function isDue(trouble: ExportTrouble | null, nowMs: number): boolean {
  if (trouble === null) return true;
  const { nextTryAtMs } = trouble;
  return nextTryAtMs !== null && (nextTryAtMs <= nowMs || nextTryAtMs > nowMs + furthestMs);
}

/** Sends some entries and writes down how far that came; false when there is nothing more to do now. */
async function sendBatch(options: SendAuditOptions, current: StoredExport): Promise<boolean> {
  const { auditEntries, auditExports, now, stopping } = options;
  const { last } = await auditEntries.chain();
  const filter = current.securityOnly ? { types: securityEventTypes } : {};
  const entries = await auditEntries.after(current.position, last.id, batchEntries, filter);
  const progress: ExportProgress = { position: current.position, sent: null, trouble: current.trouble };
  const failed = await sendEach(options, current, entries, progress);
  const isWhole = failed === null && !stopping.aborted;
  // Up to the chain's end nothing else is wanted.
  if (isWhole && entries.length < batchEntries) progress.position = Math.max(progress.position, last.id);
  if (failed) progress.trouble = troubleOf(failed, current, progress, now());
  if (progress.position === current.position && progress.trouble === current.trouble) return false;
  const stopped = failed?.kind === "refused" ? stoppedEvent(current, failed) : null;
  const isWritten = await auditExports.advance(current, progress, stopped);
  if (isWritten && failed) tell(options, current, failed, progress);
  return isWritten && isWhole && entries.length === batchEntries;
}

/** An entry that was not taken. */
interface FailedEntry extends Pick<CollectorOutcome, "kind" | "status" | "askedMs"> {
  entry: number;
  problem: string;
}

/** Sends entries until one is not taken, which it answers, or the server stops. */
async function sendEach(
  { collector, targetOf, now, stopping }: SendAuditOptions,
  current: StoredExport,
  entries: readonly SealedRecord[],
  progress: ExportProgress,
): Promise<FailedEntry | null> {
  const [first] = entries;
  if (!first) return null;
  const target = targetOf(current);
  if (typeof target === "string")
    return { kind: "later", status: null, askedMs: 0, entry: first.id, problem: target };
  for (const record of entries) {
    const outcome = await collector(target, shown(record), stopping).catch((error: unknown) => {
      if (stopping.aborted) return null;
      throw error;
    });
    if (outcome === null) return null;
    const { kind, status, askedMs, problem } = outcome;
    if (kind !== "taken") return { kind, status, askedMs, entry: record.id, problem: problem ?? "" };
    progress.position = record.id;
    progress.sent = { id: record.id, atMs: now() };
    progress.trouble = null;
  }
  return null;
}

function troubleOf(
  { kind, entry, problem, askedMs }: FailedEntry,
  { trouble: before }: StoredExport,
  { sent }: ExportProgress,
  nowMs: number,
): ExportTrouble {
  // What was taken in between ended the trouble before.
  const earlier = sent === null ? before : null;
  const attempts = (earlier?.attempts ?? 0) + 1;
  const growing = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempts - 1, 20));
  // Up to a quarter more, so that many installations do not come back at the same moment.
  const waitMs = Math.max(growing * (1 + Math.random() / 4), askedMs);
  const nextTryAtMs = kind === "refused" ? null : nowMs + Math.ceil(waitMs);
  return { problem, entry, sinceMs: earlier?.sinceMs ?? nowMs, attempts, nextTryAtMs };
}

function stoppedEvent({ url }: StoredExport, { entry, status }: FailedEntry) {
  return { type: "audit.export_stopped" as const, data: { host: new URL(url).host, entry, status } };
}

/** One line when trouble begins, not for each try. */
function tell(
  { log }: SendAuditOptions,
  { url }: StoredExport,
  { kind, entry, status, problem }: FailedEntry,
  { trouble }: ExportProgress,
): void {
  const facts = { host: new URL(url).host, entry, status, problem };
  if (kind === "refused") log.error(facts, "the collector refuses the audit, nothing more is sent");
  else if (trouble?.attempts === 1) log.warn(facts, "the collector does not take the audit, trying again");
}
