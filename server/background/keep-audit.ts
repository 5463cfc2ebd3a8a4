import type { Logger } from "pino";
import type { AuditEntryStore } from "../db/stores/audit-entries.ts";
import type { AuditExportStore } from "../db/stores/audit-exports.ts";
import type { AuditSealer } from "../domain/audit-chain.ts";
import { writeArchive } from "../services/archive-files.ts";
import { shown } from "../services/audit.ts";
import type { AuditLog } from "../services/audit-log.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const sealEveryMs = 1_000;
const archiveEveryMs = 3_600_000;
const dayMs = 86_400_000;
/** Entries of one archive file. */
const entriesOfFile = 10_000;

/** What keeping the audit needs. */
export interface AuditKeepingOptions {
  auditEntries: AuditEntryStore;
  auditExports: Pick<AuditExportStore, "current">;
  auditLog: AuditLog;
  auditSealer: AuditSealer;
  /** Days that entries stay; null keeps them for ever. */
  auditRetentionDays: number | null;
  archiveFolder: string;
  now: () => number;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Seals what happened, soon after it did. */
export function sealAudit({ auditLog, log, stopping, traces }: AuditKeepingOptions): Loop {
  return startLoop({
    name: "sealing the audit",
    everyMs: sealEveryMs,
    round: auditLog.seal,
    log,
    stopping,
    traces,
  });
}

/**
 * Moves entries that are older than they are to stay into files of JSON lines, `audit-<first>-<last>.jsonl.gz`, and takes
 * them out only once the file is on the disk. A crash in between writes the same file again. What a collector is still to get
 * stays, however old it is.
 */
export function archiveAudit(options: AuditKeepingOptions): Loop {
  const { auditEntries, auditExports, auditRetentionDays, archiveFolder, now, log, stopping, traces } =
    options;
  const round = async (): Promise<void> => {
    if (auditRetentionDays === null) return;
    const chain = await auditEntries.chain();
    const young = (await auditEntries.firstSince(now() - auditRetentionDays * dayMs)) ?? chain.last.id + 1;
    const sent = (await auditExports.current())?.position ?? chain.last.id;
    const kept = Math.min(young, sent + 1);
    for (let from = chain.start.id; !stopping.aborted;) {
      const records = await auditEntries.after(from, kept - 1, entriesOfFile);
      const end = records.at(-1);
      if (!end) return;
      const file = `audit-${from + 1}-${end.id}.jsonl.gz`;
      const lines = records.map((record) => ({ ...shown(record), event_id: record.eventId }));
      await writeArchive(archiveFolder, file, lines);
      const start = { id: end.id, hash: end.hash };
      const startProof = options.auditSealer.startProof(start);
      if (!(await auditEntries.removeArchived({ from, start, startProof, file }))) return;
      from = end.id;
    }
  };
  const loop = startLoop({
    name: "archiving the audit",
    everyMs: archiveEveryMs,
    round,
    log,
    stopping,
    traces,
  });
  void loop.runOnce();
  return loop;
}
