import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { memoryState } from "../adapters/state/memory/memory-state.ts";
import { leases } from "./leases.ts";
import { ownTurns, sharedTurns, type Turns } from "./turns.ts";

function testTurns(name: string, open: () => readonly Turns[]): void {
  describe(name, () => {
    it("give each its turn, one at a time, also after one that failed", async () => {
      const servers = open();
      let [inside, most, done] = [0, 0, 0];
      const work = async (): Promise<void> => {
        most = Math.max(most, ++inside);
        await delay(2);
        inside--;
        if (++done === 3) throw new Error("failed");
      };
      const all = Array.from({ length: 12 }, (_, index) => servers[index % servers.length]?.("a", work));
      const outcomes = await Promise.allSettled(all);
      assert.deepEqual(
        [most, done, outcomes.filter(({ status }) => status === "rejected").length],
        [1, 12, 1],
      );
    });

    it("do not wait for another name, nor at all where that is not wanted", async () => {
      const servers = open();
      const [first, second = first] = servers;
      const end = Promise.withResolvers<string>();
      const held = first?.("a", () => end.promise);
      await delay(20);
      assert.equal(await second?.("b", async () => "b"), "b");
      const busy = () => new Error("busy");
      await assert.rejects(async () => second?.("a", async () => "a", busy), /busy/);
      end.resolve("held");
      assert.equal(await held, "held");
      assert.equal(await second?.("a", async () => "then", busy), "then");
    });
  });
}

testTurns("turns in one process", () => [ownTurns()]);
testTurns("turns among servers", () => {
  const state = memoryState();
  return ["one", "another", "a third"].map((holder) => sharedTurns(leases(state, holder)));
});
