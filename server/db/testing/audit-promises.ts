import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { auditSealer } from "../../domain/audit-chain.ts";
import { auditLog } from "../../services/audit-log.ts";
import type { Bench, Side } from "../conformance.ts";
import { onBehalfOf } from "../event-origin.ts";
import { onBoth } from "./job-promises.ts";

/** The audit's chain, written by several servers. */
export function auditPromises(bench: Bench): void {
  describe("the audit", () => {
    const sealer = auditSealer(Buffer.alloc(32, 7));
    let folder: string;
    const logOf = ({ stores }: Side, turn: number) =>
      auditLog({ ...stores, sealer, headFile: join(folder, `head ${turn}`) });
    before(async () => (folder = await mkdtemp(join(tmpdir(), "audit promises "))));
    after(() => rm(folder, { recursive: true, force: true }));

    test("what happens on both sides is sealed once, in the order of its numbers, also when both seal at once", async () => {
      const logs = bench.sides().map(logOf);
      await onBoth(bench, 40, async ({ stores }, turn) => {
        const actor = { actorId: `u${turn}`, actorName: "rita – तट", address: "10.0.0.9" };
        await onBehalfOf(actor, () =>
          stores.serverEvents.append("settings.changed", { names: [`n${turn}`] }),
        );
        await logs[turn % 2]?.seal();
      });
      await Promise.all(logs.map((log) => log.seal()));
      const [, { stores }] = bench.sides();
      const { last } = await stores.auditEntries.chain();
      const mine = await stores.auditEntries.page({ types: ["settings.changed"] }, 100, 0);
      const actors = mine.map(({ actorId }) => actorId).filter((id) => /^u\d+$/.test(id ?? ""));
      assert.deepEqual([actors.length, new Set(actors).size], [40, 40]);
      const all = await stores.auditEntries.after(0, last.id, 2_000);
      assert.deepEqual(
        all.map(({ id }) => id),
        Array.from({ length: last.id }, (_, index) => index + 1),
      );
      const events = all.map(({ eventId }) => eventId);
      assert.deepEqual(
        events,
        events.toSorted((a, b) => a - b),
      );
      const check = await logs[0]?.verify();
      assert.deepEqual([check?.checked, check?.breaks], [last.id, []]);
      assert.equal(await stores.auditEntries.count({ actorId: "u7" }), 1);
      assert.ok(((await stores.auditEntries.countByType())["settings.changed"] ?? 0) >= 40);
    });

    test("a value that is changed behind its back is found", async () => {
      const [side] = bench.sides();
      const id = 5;
      const set = (actor_name: string | null) =>
        side.db.updateTable("audit_entries").set({ actor_name }).where("id", "=", id).execute();
      const [entry] = await side.stores.auditEntries.after(id - 1, id, 1);
      await set("somebody else");
      assert.deepEqual((await logOf(side, 0).verify()).breaks, [{ id, lastId: id, reason: "changed" }]);
      await set(entry?.actorName ?? null);
      assert.deepEqual((await logOf(side, 0).verify()).breaks, []);
    });

    test("of two servers that send to the collector one gets on, and neither after the settings changed", async () => {
      const [, other] = bench.sides();
      const set = (position: number) =>
        other.stores.auditExports.change((earlier, { last }) => ({
          next: {
            format: "json",
            url: "https://collector.test/तट",
            scheme: "ApiKey",
            sealedToken: "sealed",
            securityOnly: true,
            position: Math.min(position, last.id),
            lastSentId: null,
            lastSentAtMs: null,
            trouble: null,
            changedAtMs: 1,
            changedBy: earlier?.changedBy ?? "rita",
          },
          event: { type: "audit.export_changed", data: { on: true } },
        }));
      await set(5);
      const current = await other.stores.auditExports.current();
      assert.ok(current);
      const trouble = { problem: "तट", entry: 9, sinceMs: 7, attempts: 2, nextTryAtMs: null };
      const stopped = { type: "audit.export_stopped" as const, data: {} };
      const outcomes = await onBoth(bench, 6, ({ stores }, turn) =>
        stores.auditExports.advance(
          current,
          { position: 8, sent: { id: 8, atMs: turn + 1 }, trouble },
          stopped,
        ),
      );
      assert.equal(outcomes.filter(Boolean).length, 1);
      const sent = await other.stores.auditExports.current();
      assert.deepEqual([sent?.position, sent?.lastSentId, sent?.trouble], [8, 8, trouble]);
      await set(8);
      assert.ok(sent);
      assert.equal(
        await other.stores.auditExports.advance(sent, { position: 9, sent: null, trouble }),
        false,
      );
      await other.stores.auditExports.change(() => ({
        next: null,
        event: { type: "audit.export_changed", data: { on: false } },
      }));
      await logOf(other, 1).seal();
      assert.equal(await other.stores.auditEntries.count({ types: ["audit.export_stopped"] }), 1);
    });

    test("of two servers that archive the same entries one takes them out", async () => {
      const [, other] = bench.sides();
      const [entry] = await other.stores.auditEntries.after(2, 3, 1);
      assert.ok(entry);
      const start = { id: entry.id, hash: entry.hash };
      const archived = { from: 0, start, startProof: sealer.startProof(start), file: "audit-1-3.jsonl" };
      const outcomes = await onBoth(bench, 4, ({ stores }) => stores.auditEntries.removeArchived(archived));
      assert.equal(outcomes.filter(Boolean).length, 1);
      await logOf(other, 1).seal();
      assert.deepEqual((await logOf(other, 1).verify()).breaks, []);
      assert.equal((await other.stores.auditEntries.after(0, 10, 1))[0]?.id, 4);
    });
  });
}
