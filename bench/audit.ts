import { createHmac } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@simpletuner-cloud/server/db/open-database.ts";
import { auditEntryStore } from "@simpletuner-cloud/server/db/stores/audit-entries.ts";
import { appendEvents } from "@simpletuner-cloud/server/db/stores/job-events.ts";
import { serverEventStore } from "@simpletuner-cloud/server/db/stores/server-events.ts";
import { auditSealer } from "@simpletuner-cloud/server/domain/audit-chain.ts";
import { auditLog } from "@simpletuner-cloud/server/services/audit-log.ts";

/**
 * The audit: durable appends by 64 writers with sealing, beside lines appended to a file and flushed one by one and beside
 * flushes shared by 64; and a check of the whole chain, beside the bare HMACs of as many entries.
 * Usage: `node bench/audit.ts [entries] [seconds]`
 */
const entries = Number(process.argv[2] ?? 1_000_000);
const seconds = Number(process.argv[3] ?? 5);
const writers = 64;
const goals = { appends: 5_000, verifySeconds: 10 };
const folder = mkdtempSync(join(tmpdir(), "audit-bench-"));
const data = { backup_id: "20260101_000000", by: "ada", bytes: 1_234_567 };

/** Flushed appends a second to a file, each of so many lines. */
function flushesPerSecond(lines: number): number {
  const file = openSync(join(folder, "lines"), "a");
  const text = `${JSON.stringify({ id: 1, at: 1, type: "backup.created", data })}\n`.repeat(lines);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < 1_000) {
    writeSync(file, text);
    fdatasyncSync(file);
    count++;
  }
  closeSync(file);
  return (count * lines * 1_000) / (performance.now() - startedAt);
}

try {
  const db = await openDatabase(join(folder, "jobs.db"), Date.now);
  const events = serverEventStore(db, Date.now, () => undefined);
  const log = auditLog({
    auditEntries: auditEntryStore(db, Date.now),
    sealer: auditSealer(Buffer.alloc(32, 7)),
    headFile: join(folder, "audit.head"),
  });
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1_000;
  let appended = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (; performance.now() < endAt; appended++) await events.append("backup.created", data);
    }),
  );
  await log.seal();
  const rate = (appended * 1_000) / (performance.now() - startedAt);
  const [single, shared] = [flushesPerSecond(1), flushesPerSecond(writers)];
  console.log(
    `${rate.toFixed(0)} durable appends/s with sealing (goal ${goals.appends}: ${rate >= goals.appends ? "met" : "NOT met"}); a file flushed for each ${single.toFixed(0)}/s (ratio ${(rate / single).toFixed(2)}), for ${writers} together ${shared.toFixed(0)}/s (ratio ${(rate / shared).toFixed(2)})`,
  );
  for (let made = appended; made < entries;) {
    const drafts = Array.from({ length: Math.min(1_000, entries - made) }, () => ({
      jobId: null,
      userId: null,
      type: "backup.created",
      atMs: Date.now(),
      data,
    }));
    await db.transaction().execute((transaction) => appendEvents(transaction, drafts));
    made += drafts.length;
  }
  await log.seal();
  const verifyAt = performance.now();
  const { checked, breaks } = await log.verify();
  const took = (performance.now() - verifyAt) / 1_000;
  if (breaks.length > 0) throw new Error(`the chain is broken at ${breaks[0]?.id}`);
  const bareAt = performance.now();
  const text = JSON.stringify({
    ...data,
    id: 1_000_000,
    at: 1,
    type: "backup.created",
    hash: "a".repeat(64),
  });
  for (let n = 0; n < checked; n++)
    createHmac("sha256", "k".repeat(32)).update(text).update(String(n)).digest("hex");
  const bare = (performance.now() - bareAt) / 1_000;
  console.log(
    `${checked} entries checked in ${took.toFixed(1)} s (goal ${goals.verifySeconds} s for 1,000,000: ${took * (1_000_000 / checked) < goals.verifySeconds ? "met" : "NOT met"}); their HMACs alone ${bare.toFixed(1)} s, ratio ${(took / bare).toFixed(1)}`,
  );
  await db.destroy();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
