import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { outboundHttp } from "@simpletuner-cloud/server/adapters/outbound/undici/outbound-http.ts";
import { sendAudit } from "@simpletuner-cloud/server/background/send-audit.ts";
import { outboundOf } from "@simpletuner-cloud/server/config/outbound.ts";
import { openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { auditEntryStore } from "@simpletuner-cloud/server/db/stores/audit-entries.ts";
import { auditExportStore } from "@simpletuner-cloud/server/db/stores/audit-exports.ts";
import { appendEvents } from "@simpletuner-cloud/server/db/stores/job-events.ts";
import { auditSealer } from "@simpletuner-cloud/server/domain/audit-chain.ts";
import { auditCollector } from "@simpletuner-cloud/server/services/audit-collector.ts";
import { auditLog } from "@simpletuner-cloud/server/services/audit-log.ts";

/**
 * The audit on its way to a collector on this machine, one request an entry, beside the same bodies sent one after the
 * other with `fetch` and nothing written down.
 * Usage: `node bench/audit-export.ts [entries]`
 */
const entries = Number(process.argv[2] ?? 5_000);
const goalPerSecond = 300;
const folder = mkdtempSync(join(tmpdir(), "audit-export-bench-"));
let taken = 0;
let bytes = 0;
const collector = createServer((request, response) => {
  request.on("data", (piece: Buffer) => (bytes += piece.length));
  request.on("end", () => {
    taken++;
    response.end();
  });
});
await new Promise<void>((listening) => collector.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/in`;
const outbound = outboundHttp(outboundOf({ SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true" }));
const stopping = new AbortController();

try {
  const db = await openDatabase(join(folder, "jobs.db"), Date.now);
  const auditEntries = auditEntryStore(db, Date.now);
  const auditExports = auditExportStore(db, Date.now, () => undefined);
  const sealer = auditSealer(Buffer.alloc(32, 7));
  const log = auditLog({ auditEntries, sealer, headFile: join(folder, "audit.head") });
  const data = { backup_id: "20260101_000000", by: "ada", bytes: 1_234_567 };
  const draft = { jobId: null, userId: null, type: "backup.created", atMs: Date.now(), data };
  for (let made = 0; made < entries; made += 500)
    await db.transaction().execute((transaction) =>
      appendEvents(
        transaction,
        Array.from({ length: Math.min(500, entries - made) }, () => draft),
      ),
    );
  await log.seal();
  await auditExports.change(() => ({
    next: {
      format: "json",
      url,
      scheme: "ApiKey",
      sealedToken: null,
      securityOnly: false,
      position: 0,
      lastSentId: null,
      lastSentAtMs: null,
      trouble: null,
      changedAtMs: 1,
      changedBy: "bench",
    },
    event: { type: "audit.export_changed", data: { on: true } },
  }));
  const loop = sendAudit({
    auditEntries,
    auditExports,
    collector: auditCollector({
      http: outbound.guarded({ retries: 0 }),
      source: { hostName: "bench", version: "1" },
    }),
    targetOf: ({ format, scheme }) => ({ format, url, scheme, token: "0123456789" }),
    now: Date.now,
    log: pino({ level: "silent" }),
    stopping: stopping.signal,
  });
  const startedAt = performance.now();
  do await loop.runOnce();
  while (((await auditExports.current())?.position ?? 0) < entries);
  const rate = (taken * 1_000) / (performance.now() - startedAt);
  const body = "x".repeat(Math.round(bytes / taken));
  const bareAt = performance.now();
  for (let n = 0; n < entries; n++) await (await fetch(url, { method: "POST", body })).text();
  const bare = (entries * 1_000) / (performance.now() - bareAt);
  console.log(
    `${rate.toFixed(0)} entries/s of ${body.length} bytes (goal ${goalPerSecond}: ${rate >= goalPerSecond ? "met" : "NOT met"}); fetch alone ${bare.toFixed(0)}/s, ratio ${(rate / bare).toFixed(2)}`,
  );
  await db.destroy();
} finally {
  stopping.abort();
  await outbound.close();
  collector.closeAllConnections();
  collector.close();
  rmSync(folder, { recursive: true, force: true });
}
