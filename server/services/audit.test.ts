import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Kysely } from "kysely";
import { pino } from "pino";
import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import { archiveAudit } from "../background/keep-audit.ts";
import { onBehalfOf } from "../db/event-origin.ts";
import type { Database } from "../db/schema.ts";
import { auditSealer } from "../domain/audit-chain.ts";
import { openChain, sendFrom, type TestChain } from "../testing/audit-site.ts";
import { auditLog } from "./audit-log.ts";
import { csvLine } from "./csv-line.ts";

/** What a forger with the database at hand changes. */
async function forge(db: Kysely<Database>, id: number, change: Partial<Database["audit_entries"]>) {
  await db.updateTable("audit_entries").set(change).where("id", "=", id).execute();
}

describe("the chain of the audit", () => {
  it("holds what happened, in order, without what is not audited", async (t) => {
    const chain = await openChain(t);
    await chain.happen(3);
    await onBehalfOf({ actorId: "u1", actorName: "rita", address: "10.0.0.9" }, () =>
      chain.events.append("settings.changed", { names: ["dataConsent"] }),
    );
    await chain.events.append("job.status", { status: "running" });
    await chain.log.seal();
    await chain.log.seal();
    const page = await chain.entries.page({}, 10, 0);
    assert.deepEqual(
      page.map(({ id, type, actorId, actorName, address }) => [id, type, actorId, actorName, address]),
      [
        [4, "settings.changed", "u1", "rita", "10.0.0.9"],
        [3, "backup.created", "ada", null, null],
        [2, "backup.created", "ada", null, null],
        [1, "backup.created", "ada", null, null],
      ],
    );
    const check = await chain.log.verify();
    assert.deepEqual(check, { checked: 4, breaks: [], firstId: 1, lastId: 4 });
  });

  it("shows a change to any field of an entry", async (t) => {
    const chain = await openChain(t);
    await chain.happen(5);
    await chain.log.seal();
    const [entry] = await chain.db.selectFrom("audit_entries").selectAll().where("id", "=", 3).execute();
    assert.ok(entry);
    for (const [column, value] of Object.entries(entry)) {
      if (column === "id" || column === "hash" || column === "key_id") continue;
      const other = typeof value === "number" ? value + 77 : `${value ?? ""}x`;
      await forge(chain.db, 3, { [column]: other });
      const { breaks } = await chain.log.verify();
      assert.deepEqual(breaks, [{ id: 3, lastId: 3, reason: "changed" }], column);
      await forge(chain.db, 3, { [column]: value });
    }
    assert.deepEqual((await chain.log.verify()).breaks, []);
  });

  it("shows an entry that was changed together with its hash by somebody without the key", async (t) => {
    const chain = await openChain(t);
    await chain.happen(5);
    await chain.log.seal();
    const [before] = await chain.entries.after(1, 2, 1);
    const [entry] = await chain.entries.after(2, 3, 1);
    assert.ok(entry && before);
    const hash = auditSealer(Buffer.alloc(32, 8)).hashOf({ ...entry, actorId: "bob" }, before.hash);
    await forge(chain.db, 3, { actor_id: "bob", hash });
    const { breaks } = await chain.log.verify();
    // The next entry was sealed upon the hash that is gone.
    assert.deepEqual(breaks, [{ id: 3, lastId: 4, reason: "changed" }]);
  });

  it("shows entries that were taken out: from the middle, the start and the end", async (t) => {
    const chain = await openChain(t);
    await chain.happen(9);
    await chain.log.seal();
    await chain.db.deleteFrom("audit_entries").where("id", "in", [4, 5]).execute();
    assert.deepEqual((await chain.log.verify()).breaks, [{ id: 4, lastId: 5, reason: "missing" }]);
    await chain.db.deleteFrom("audit_entries").where("id", "<", 6).execute();
    assert.deepEqual((await chain.log.verify()).breaks, [{ id: 1, lastId: 5, reason: "missing" }]);
    await chain.db.deleteFrom("audit_entries").where("id", ">", 7).execute();
    assert.deepEqual((await chain.log.verify()).breaks.at(-1), { id: 8, lastId: 9, reason: "cut_off" });
  });

  it("shows an end that was taken away with everything the database knows of it", async (t) => {
    const chain = await openChain(t);
    await chain.happen(6);
    await chain.log.seal();
    const [last] = await chain.entries.after(3, 4, 1);
    assert.ok(last);
    await chain.db.deleteFrom("audit_entries").where("id", ">", 4).execute();
    await chain.db.updateTable("audit_chain").set({ last_id: 4, last_hash: last.hash }).execute();
    assert.deepEqual((await chain.log.verify()).breaks, [{ id: 5, lastId: 6, reason: "cut_off" }]);
    // A torn file of the head, as a power cut leaves it, is none.
    await writeFile(chain.headFile, "");
    assert.deepEqual((await chain.log.verify()).breaks, []);
  });

  it("shows a start that was moved without the key", async (t) => {
    const chain = await openChain(t);
    await chain.happen(6);
    await chain.log.seal();
    const [third] = await chain.entries.after(2, 3, 1);
    assert.ok(third);
    await chain.db.deleteFrom("audit_entries").where("id", "<=", 3).execute();
    await chain.db
      .updateTable("audit_chain")
      .set({ start_id: 3, start_hash: third.hash, start_proof: "0".repeat(64) })
      .execute();
    assert.deepEqual((await chain.log.verify()).breaks, [{ id: 1, lastId: 3, reason: "missing" }]);
  });

  it("goes on under another key and tells of the entries it cannot check", async (t) => {
    const chain = await openChain(t);
    await chain.happen(2);
    await chain.log.seal();
    const other = auditLog({
      auditEntries: chain.entries,
      sealer: auditSealer(Buffer.alloc(32, 9)),
      headFile: chain.headFile,
    });
    await chain.happen(2);
    await other.seal();
    assert.deepEqual((await other.verify()).breaks, [{ id: 1, lastId: 2, reason: "other_key" }]);
    assert.deepEqual((await chain.log.verify()).breaks, [{ id: 3, lastId: 4, reason: "other_key" }]);
  });

  it("checks a part of the chain", async (t) => {
    const chain = await openChain(t);
    await chain.happen(8);
    await chain.log.seal();
    assert.deepEqual(await chain.log.verify(3, 6), { checked: 4, breaks: [], firstId: 3, lastId: 6 });
    await forge(chain.db, 7, { type: "job.created" });
    assert.deepEqual((await chain.log.verify(3, 6)).breaks, []);
    assert.deepEqual((await chain.log.verify(7)).breaks, [{ id: 7, lastId: 7, reason: "changed" }]);
  });

  it("has one writer, however many seal at once", async (t) => {
    const chain = await openChain(t);
    const others = [1, 2, 3].map((n) =>
      auditLog({
        auditEntries: chain.entries,
        sealer: chain.sealer,
        headFile: join(chain.folder, `head${n}`),
      }),
    );
    await Promise.all([
      chain.happen(150),
      ...others.map(async (log) => {
        for (let round = 0; round < 40; round++) await log.seal();
      }),
    ]);
    await chain.log.seal();
    const { checked, breaks } = await chain.log.verify();
    assert.deepEqual([checked, breaks], [150, []]);
  });
});

const archiving = (chain: TestChain, stopping: AbortSignal) =>
  archiveAudit({
    auditEntries: chain.entries,
    auditExports: chain.exports,
    auditLog: chain.log,
    auditSealer: chain.sealer,
    auditRetentionDays: 1,
    archiveFolder: join(chain.folder, "archive"),
    now: () => chain.clock.ms,
    log: pino({ level: "silent" }),
    stopping,
  });

describe("the archive of the audit", () => {
  it("takes old entries out once they are in a file, and the chain still holds", async (t) => {
    const chain = await openChain(t);
    const stopping = new AbortController();
    t.after(() => stopping.abort());
    await chain.happen(4);
    await chain.log.seal();
    chain.clock.ms += 86_400_000;
    await chain.happen(2);
    await chain.log.seal();
    const loop = archiving(chain, stopping.signal);
    await loop.settled();
    const [file = ""] = await readdir(join(chain.folder, "archive"));
    assert.equal(file, "audit-1-4.jsonl.gz");
    const text = gunzipSync(await readFile(join(chain.folder, "archive", file))).toString();
    const archived = text.trimEnd().split("\n");
    assert.deepEqual(
      archived.map((line) => (JSON.parse(line) as AuditEntry).id),
      [1, 2, 3, 4],
    );
    await chain.log.seal();
    const check = await chain.log.verify();
    assert.deepEqual(check, { checked: 3, breaks: [], firstId: 5, lastId: 7 });
    assert.equal((await chain.entries.page({}, 1, 0))[0]?.type, "audit.archived");
  });

  it("loses and doubles nothing when the server died between the file and taking out", async (t) => {
    const chain = await openChain(t);
    const stopping = new AbortController();
    t.after(() => stopping.abort());
    await chain.happen(3);
    await chain.log.seal();
    chain.clock.ms += 2 * 86_400_000;
    const dying = {
      ...chain,
      entries: { ...chain.entries, removeArchived: () => Promise.reject(new Error("killed")) },
    };
    await archiving(dying, stopping.signal).settled();
    assert.deepEqual((await chain.log.verify()).checked, 3);
    await archiving(chain, stopping.signal).settled();
    assert.deepEqual(await readdir(join(chain.folder, "archive")), ["audit-1-3.jsonl.gz"]);
    await chain.log.seal();
    assert.deepEqual(await chain.log.verify(), { checked: 1, breaks: [], firstId: 4, lastId: 4 });
  });
});

describe("the archive of the audit while it is sent to a collector", () => {
  it("leaves what the collector is still to get, however old it is", async (t) => {
    const chain = await openChain(t);
    const stopping = new AbortController();
    t.after(() => stopping.abort());
    await chain.happen(6);
    await chain.log.seal();
    await sendFrom(chain, 0);
    const current = await chain.exports.current();
    assert.ok(current);
    await chain.exports.advance(current, { position: 2, sent: null, trouble: null });
    chain.clock.ms += 2 * 86_400_000;
    const loop = archiving(chain, stopping.signal);
    await loop.settled();
    assert.deepEqual(await readdir(join(chain.folder, "archive")), ["audit-1-2.jsonl.gz"]);
    // Somebody has the whole sent while a file is written.
    const { start } = await chain.entries.chain();
    const [next] = await chain.entries.after(4, 5, 1);
    assert.ok(next);
    const file = "audit-3-5.jsonl.gz";
    const archived = { from: start.id, start: { id: 5, hash: next.hash }, startProof: "", file };
    assert.equal(await chain.entries.removeArchived(archived), false);
    await chain.exports.change(() => ({ next: null, event: { type: "audit.export_changed", data: {} } }));
    await loop.runOnce();
    assert.equal((await readdir(join(chain.folder, "archive"))).length, 2);
    await chain.log.seal();
    assert.deepEqual((await chain.log.verify()).breaks, []);
  });
});

describe("a line of CSV", () => {
  it("keeps cells apart and starts no formula", () => {
    assert.equal(csvLine(["a", 'say "hi"', "x,y", "=1+1", "-2"]), 'a,"say ""hi""","x,y",\'=1+1,\'-2\r\n');
  });
});
