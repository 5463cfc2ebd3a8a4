import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openDatabase } from "../db/open-database.ts";
import { auditEntryStore } from "../db/stores/audit-entries.ts";
import { auditExportStore, type ExportSettings } from "../db/stores/audit-exports.ts";
import { serverEventStore } from "../db/stores/server-events.ts";
import { auditSealer } from "../domain/audit-chain.ts";
import { auditLog } from "../services/audit-log.ts";

const key = Buffer.alloc(32, 7);
const startMs = Date.parse("2026-01-01T00:00:00Z");

/** A database with a chain, and a clock that goes a second on with each event. */
export async function openChain(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "audit-"));
  const clock = { ms: startMs };
  const now = (): number => clock.ms;
  const db = await openDatabase(join(folder, "jobs.db"), now);
  t.after(async () => {
    await db.destroy();
    await rm(folder, { recursive: true });
  });
  const sealer = auditSealer(key);
  const entries = auditEntryStore(db, now);
  const headFile = join(folder, "audit.head");
  const log = auditLog({ auditEntries: entries, sealer, headFile });
  const events = serverEventStore(db, now, () => undefined);
  return {
    folder,
    db,
    clock,
    sealer,
    entries,
    exports: auditExportStore(db, now, () => undefined),
    headFile,
    log,
    events,
    async happen(times: number): Promise<void> {
      for (let n = 0; n < times; n++) {
        clock.ms += 1_000;
        await events.append("backup.created", { backup_id: `b${n}`, by: "ada", bytes: n });
      }
    },
  };
}

/** See {@link openChain}. */
export type TestChain = Awaited<ReturnType<typeof openChain>>;

/** Has a chain sent to a collector, from after this entry on. */
export async function sendFrom(
  chain: TestChain,
  position: number,
  settings: Partial<ExportSettings> = {},
): Promise<void> {
  const next = {
    format: "json" as const,
    url: "http://127.0.0.1:9/",
    scheme: "ApiKey",
    sealedToken: null,
    securityOnly: false,
    position,
    lastSentId: null,
    lastSentAtMs: null,
    trouble: null,
    changedAtMs: chain.clock.ms,
    changedBy: "ada",
    ...settings,
  };
  await chain.exports.change(() => ({ next, event: { type: "audit.export_changed", data: { on: true } } }));
}
