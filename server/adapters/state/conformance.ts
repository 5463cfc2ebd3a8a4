import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { absent, addOnce, longestMessage, type StateStore } from "./state.ts";

/** Opens a store on the same state as every other one that it opened. */
export type OpenStore = () => Promise<StateStore>;

const rule = { limit: 5, windowMs: 60_000 };

/** What every store of shared state promises. `sharesMessages`: messages reach other processes. */
export function stateConformance(
  name: string,
  open: OpenStore,
  {
    skip = false,
    isShared,
    sharesMessages,
  }: { skip?: string | false; isShared: boolean; sharesMessages: boolean },
): void {
  describe(`state in ${name}`, { skip }, () => {
    let state: StateStore;
    let other: StateStore;
    before(async () => {
      state = await open();
      other = isShared ? await open() : state;
    });
    after(async () => {
      await state.close();
      if (other !== state) await other.close();
    });
    testValues(() => [state, other]);
    testRaces(() => [state, other]);
    testWindows(() => [state, other]);
    test("a message reaches every listener of its channel, and no other", async () => {
      const receiver = sharesMessages ? other : state;
      const heard: (string | null)[] = [];
      const elsewhere: (string | null)[] = [];
      const stop = await receiver.subscribe("events", (message) => heard.push(message));
      await receiver.subscribe("others", (message) => elsewhere.push(message));
      await state.publish("events", "first\nwith a line");
      await until(() => heard.length === 1);
      await state.publish("events", "क".repeat(longestMessage / 3));
      await until(() => heard.length === 2);
      await stop();
      await state.publish("events", "third");
      await state.publish("others", "last");
      await until(() => elsewhere.length === 1);
      assert.deepEqual(heard, ["first\nwith a line", "क".repeat(longestMessage / 3)]);
      await assert.rejects(async () => state.publish("events", "x".repeat(longestMessage + 1)));
    });
    test("the clock is about that of this machine", async () => {
      assert.ok(Math.abs((await state.clock()) - Date.now()) < 5_000);
    });
  });
}

function testValues(stores: () => [StateStore, StateStore]): void {
  test("a value is there for everybody until it runs out", async () => {
    const [state, other] = stores();
    assert.equal(await state.get("a"), null);
    assert.equal(await state.set("a", 'quote " ünï 鍵 😀 \n', 60_000), true);
    assert.equal((await other.get("a"))?.value, 'quote " ünï 鍵 😀 \n');
    assert.equal(await other.set("a", "", 60_000), true);
    assert.equal((await state.get("a"))?.value, "");
    await state.set("a", "short", 40);
    await delay(60);
    assert.equal(await other.get("a"), null);
    assert.equal(await other.delete("a"), false);
  });

  test("keys are told apart by every byte, and have a length", async () => {
    const [state] = stores();
    await state.set("Case", "upper", 60_000);
    await state.set("case", "lower", 60_000);
    await state.set("cäse", "accent", 60_000);
    assert.deepEqual(
      await Promise.all(["Case", "case", "cäse", "case "].map(async (key) => (await state.get(key))?.value)),
      ["upper", "lower", "accent", undefined],
    );
    await assert.rejects(async () => state.set("k".repeat(200), "", 1));
  });

  test("a write that expects a version is refused when another was first", async () => {
    const [state, other] = stores();
    await state.set("record", "one", 60_000);
    const version = await versionOf(state, "record");
    assert.equal(await other.set("record", "two", 60_000, version), true);
    assert.equal(await state.set("record", "three", 60_000, version), false);
    assert.equal(await state.set("record", "three", 60_000, absent), false);
    assert.equal(await state.delete("record", version), false);
    assert.equal((await other.get("record"))?.value, "two");
    const second = await versionOf(other, "record");
    // Written again with the same text, it is another version: nothing that happened between goes unseen.
    await state.set("record", "two", 60_000);
    assert.notEqual(await versionOf(state, "record"), second);
    assert.equal(await state.set("record", "four", 60_000, second), false);
    assert.equal(await state.delete("record", await versionOf(state, "record")), true);
    assert.equal(await state.set("record", "five", 60_000, second), false);
    assert.equal(await state.get("record"), null);
  });
}

function testRaces(stores: () => [StateStore, StateStore]): void {
  test("of many that count up a record at once, none is lost", async () => {
    const [state, other] = stores();
    const countUp = async (store: StateStore): Promise<void> => {
      for (;;) {
        const found = await store.get("count");
        const next = String(Number(found?.value ?? 0) + 1);
        if (await store.set("count", next, 60_000, found?.version ?? absent)) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, at) => countUp(at % 2 === 0 ? state : other)));
    assert.equal((await state.get("count"))?.value, "20");
  });

  test("of many that note a key at once, one is the first; again when the note ran out", async () => {
    const [state, other] = stores();
    const race = async (key: string): Promise<number> => {
      const firsts = Array.from({ length: 20 }, (_, at) =>
        addOnce(at % 2 === 0 ? state : other, key, 60_000),
      );
      return (await Promise.all(firsts)).filter(Boolean).length;
    };
    assert.equal(await race("new"), 1);
    assert.equal(await race("new"), 0);
    assert.equal(await addOnce(state, "swept", 20), true);
    assert.equal(await addOnce(state, "left", 20), true);
    await delay(40);
    assert.equal(await race("left"), 1);
    await state.sweep();
    assert.equal(await race("swept"), 1);
  });
}

function testWindows(stores: () => [StateStore, StateStore]): void {
  test("a window lets its limit through, tells how full it is, and looking takes nothing", async () => {
    const [state, other] = stores();
    const empty = await state.takePlaces("window", rule, 0);
    assert.deepEqual(empty, { allowed: 0, used: 0, retryMs: 0, resetMs: 0 });
    assert.equal((await state.takePlaces("window", rule, 3)).allowed, 3);
    const full = await other.takePlaces("window", rule, 10);
    assert.deepEqual([full.allowed, full.used], [2, 5]);
    const over = await state.takePlaces("window", rule, 1);
    assert.deepEqual([over.allowed, over.used], [0, 5]);
    for (const { retryMs, resetMs } of [over, await other.takePlaces("window", rule, 0)]) {
      assert.ok(retryMs > 50_000 && retryMs <= resetMs && resetMs <= 60_000, `${retryMs} ${resetMs}`);
    }
    assert.equal((await state.takePlaces("another", rule, 1)).used, 1);
  });

  test("a window that is cleared is empty for everybody, and clearing one leaves the others", async () => {
    const [state, other] = stores();
    await state.takePlaces("cleared", rule, 5);
    await state.takePlaces("kept", rule, 5);
    await other.clearPlaces("cleared");
    await other.clearPlaces("never used");
    assert.equal((await state.takePlaces("cleared", rule, 3)).allowed, 3);
    assert.equal((await other.takePlaces("kept", rule, 1)).allowed, 0);
  });

  test("places come back one by one as they leave the window, not all at its edge", async () => {
    const [state] = stores();
    const short = { limit: 4, windowMs: 600 };
    const startedAt = performance.now();
    assert.equal((await state.takePlaces("sliding", short, 2)).allowed, 2);
    await delay(300);
    assert.equal((await state.takePlaces("sliding", short, 4)).allowed, 2);
    const { retryMs } = await state.takePlaces("sliding", short, 1);
    assert.ok(retryMs > 0 && retryMs <= 310, String(retryMs));
    await delay(retryMs + 5);
    // On a machine so busy that the second two are gone as well, there is nothing to tell apart.
    const taken = await state.takePlaces("sliding", short, 4);
    if (performance.now() - startedAt < 850) assert.deepEqual([taken.allowed, taken.used], [2, 4]);
    await delay(620);
    assert.equal((await state.takePlaces("sliding", short, 0)).used, 0);
  });

  test("of many at once exactly the limit get through, whatever its size", async () => {
    const [state, other] = stores();
    for (const limit of [1, 7, 256, 1_000]) {
      const asked = Array.from({ length: 40 }, (_, at) =>
        (at % 2 === 0 ? state : other).takePlaces(`race:${limit}`, { limit, windowMs: 60_000 }, 30),
      );
      const allowed = (await Promise.all(asked)).reduce((sum, usage) => sum + usage.allowed, 0);
      assert.equal(allowed, Math.min(limit, 1_200));
    }
  });

  test("a lowered limit holds for what a window has already, and sweeping takes nothing that counts", async () => {
    const [state, other] = stores();
    await state.takePlaces("lowered", { limit: 1_000, windowMs: 60_000 }, 50);
    await other.sweep();
    const usage = await state.takePlaces("lowered", { limit: 10, windowMs: 60_000 }, 1);
    assert.deepEqual([usage.allowed, usage.used], [0, 50]);
    assert.ok(usage.retryMs > 50_000);
  });
}

async function versionOf(state: StateStore, key: string): Promise<string> {
  const found = await state.get(key);
  assert.ok(found, `${key} is not there`);
  return found.version;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await delay(25);
  assert.ok(condition(), "what was waited for did not come");
}
