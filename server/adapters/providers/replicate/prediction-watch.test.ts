import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Prediction } from "./answers.ts";
import type { ListOptions } from "./api-calls.ts";
import { callBudget } from "./call-budget.ts";
import type { ReplicateClient } from "./client.ts";
import { type Patience, usualPatience } from "./patience.ts";
import { predictionWatch, type PredictionWatch } from "./prediction-watch.ts";
import { isOver } from "./watched-runs.ts";

const patience = {
  ...usualPatience,
  youngLookMs: 20,
  oldLookMs: 300,
  toldLookMs: 60_000,
  fewRuns: 0,
  betweenCallsMs: 0,
};
const never = new AbortController().signal;
const oldMs = 3_600_000;

/** Predictions as an account has them; counts calls as Replicate would: one a read, one a page of a list. */
function account(count: number) {
  const all = Array.from({ length: count }, (_, index) => ({
    id: `p${index}`,
    status: "processing",
    created_at: new Date(Date.now() - oldMs).toISOString(),
  }));
  const byId = new Map(all.map((each) => [each.id, each]));
  const calls: { kind: "read" | "page"; id: string; at: number }[] = [];
  let isBroken = false;
  const client = {
    async prediction(id: string): Promise<Prediction | null> {
      calls.push({ kind: "read", id, at: performance.now() });
      await new Promise((resolve) => setImmediate(resolve));
      if (isBroken) throw new Error("out of order");
      const found = byId.get(id);
      return found ? { ...found, logs: `log of ${id}` } : null;
    },
    async *predictionsSince(_: number, { beforePage, mostPages = 100 }: ListOptions) {
      for (let page = 0; page * 100 < all.length && page < mostPages; page++) {
        await beforePage?.();
        calls.push({ kind: "page", id: "", at: performance.now() });
        if (isBroken) throw new Error("out of order");
        const end = all.length - page * 100;
        yield* all.slice(Math.max(0, end - 100), end).toReversed();
      }
    },
  } as unknown as ReplicateClient;
  const readsOf = (id: string) => calls.filter((call) => call.kind === "read" && call.id === id).length;
  return { all, calls, client, readsOf, breakDown: (is: boolean) => (isBroken = is) };
}

const watching = (
  looks: number,
  more: { signal?: AbortSignal; ageMs?: number; isRead?: () => boolean } = {},
) => ({
  correlationId: "run",
  looks,
  ageMs: 1_000,
  isRead: () => false,
  signal: never,
  ...more,
});

function watchOf(client: ReplicateClient, waits: Patience): PredictionWatch {
  return predictionWatch(client, waits, callBudget(waits.betweenCallsMs, waits.callsAtOnce));
}

/** Follows a prediction to its end or until the signal aborts, as runs are followed; answers the states it heard. */
async function followed(
  watch: PredictionWatch,
  id: string,
  more: Parameters<typeof watching>[1] = {},
): Promise<string[]> {
  const heard: string[] = [];
  for (let looks = 1; heard.length === 0 || !isOver({ status: heard.at(-1) ?? "" }); looks++) {
    const news = await watch.next(id, watching(looks, more)).catch(() => null);
    if (news === null) break;
    heard.push(news.status);
  }
  watch.forget(id);
  return heard;
}

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!done()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The most calls in any stretch of so many milliseconds. */
function mostWithin(calls: readonly { at: number }[], ms: number): number {
  let most = 0;
  let from = 0;
  for (let to = 0; to < calls.length; to++) {
    while ((calls[to]?.at ?? 0) - (calls[from]?.at ?? 0) >= ms) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

describe("watching predictions", () => {
  test("few are read one by one, at once at first and then when they are due", async () => {
    const { calls, client, all } = account(3);
    const watch = watchOf(client, patience);
    const first = await Promise.all(all.map(({ id }) => watch.next(id, watching(1))));
    assert.deepEqual(
      first.map((each) => each?.logs),
      ["log of p0", "log of p1", "log of p2"],
    );
    const startedAt = performance.now();
    await watch.next("p0", watching(4));
    assert.ok(performance.now() - startedAt >= 19);
    assert.deepEqual(
      calls.map(({ kind }) => kind),
      ["read", "read", "read", "read"],
    );
    assert.equal(await watch.next("unknown", watching(1)), null);
  });

  test("of 10,000 the ends are known within two sweeps and the calls stay in the budget", async () => {
    const { calls, client, all } = account(10_000);
    const watch = watchOf(client, { ...patience, betweenCallsMs: 2, oldLookMs: 500 });
    const stop = new AbortController();
    const more = { signal: stop.signal, ageMs: oldMs };
    const ends = new Map<string, string>();
    const followers = all.map(async ({ id }) => {
      ends.set(id, (await followed(watch, id, more)).at(-1) ?? "");
    });
    await until("a whole sweep", () => calls.filter(({ kind }) => kind === "page").length >= 100);
    const some = [0, 17, 4_711, 9_999].map((index) => all[index]!);
    const pagesBefore = calls.filter(({ kind }) => kind === "page").length;
    for (const each of some) each.status = "succeeded";
    await until("the ends", () => some.every(({ id }) => ends.get(id) === "succeeded"));
    const pages = calls.filter(({ kind }) => kind === "page").length - pagesBefore;
    assert.ok(pages <= 220, `the ends were known after ${pages} pages`);
    stop.abort(new Error("stopped"));
    await Promise.all(followers);
    // 500 calls a second are allowed and 20 at once.
    assert.ok(mostWithin(calls, 500) <= 250 + 20 + 5, `${mostWithin(calls, 500)} calls in half a second`);
    const reads = calls.filter(({ kind }) => kind === "read").map(({ id }) => id);
    assert.ok(
      new Set(reads).size >= reads.length - some.length,
      "nobody's log is read twice before everybody's",
    );
  });

  test("among 10,000 what has ended comes first, then young runs and logs that are read, and nobody is forgotten", async () => {
    const { client, all, calls, readsOf } = account(10_000);
    const watch = watchOf(client, { ...patience, betweenCallsMs: 5, callsAtOnce: 4 });
    const stop = new AbortController();
    let isRead = false;
    // More young runs than the budget has calls for.
    const young = all.slice(0, 50);
    const [looked, ended, ...others] = all.slice(50);
    const ends = followed(watch, ended!.id, { signal: stop.signal, ageMs: oldMs });
    const followers = [
      ...others.map(({ id }) => followed(watch, id, { signal: stop.signal, ageMs: oldMs })),
      ...young.map(({ id }) => followed(watch, id, { signal: stop.signal, ageMs: 0 })),
      followed(watch, looked!.id, { signal: stop.signal, ageMs: oldMs, isRead: () => isRead }),
    ];
    await until("several reads of each young run", () => young.every(({ id }) => readsOf(id) >= 3));
    assert.ok(readsOf(looked!.id) <= 1);
    isRead = true;
    await until("several reads of the log that is read", () => readsOf(looked!.id) >= 4);
    const ofOthers = others.filter(({ id }) => readsOf(id) > 0).length;
    assert.ok(ofOthers >= 50, `only ${ofOthers} of the others were read`);
    ended!.status = "succeeded";
    const before = calls.length;
    watch.hear({ id: ended!.id, status: "succeeded" });
    let known = "";
    void ends.then((heard) => (known = heard.at(-1) ?? ""));
    await until("the end", () => known === "succeeded");
    assert.ok(calls.length - before <= 12, `${calls.length - before} calls before the end was read`);
    stop.abort(new Error("stopped"));
    await Promise.all(followers);
  });

  test("what is told leads to a look at once, in any order, and then looking is rare", async () => {
    const { client, all, readsOf } = account(1);
    const watch = watchOf(client, patience);
    assert.equal(watch.hear({ id: "p0", status: "processing" }), false, "nobody follows it yet");
    await watch.next("p0", watching(1));
    const more = { ageMs: 100 * oldMs };
    const waiting = watch.next("p0", watching(9, more));
    assert.equal(watch.hear({ id: "p0", status: "processing" }), true);
    assert.equal((await waiting)?.logs, "log of p0");
    const seldom = new AbortController();
    const look = watch.next("p0", watching(9, { ...more, signal: seldom.signal }));
    const reads = readsOf("p0");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(readsOf("p0"), reads);
    seldom.abort(new Error("stopped"));
    await assert.rejects(look, /stopped/);
    // Told while nobody waited, the end is not forgotten, and a late "processing" does not undo it.
    all[0]!.status = "succeeded";
    watch.hear({ id: "p0", status: "succeeded" });
    watch.hear({ id: "p0", status: "processing" });
    assert.equal((await watch.next("p0", watching(9, more)))?.status, "succeeded");
    watch.forget("p0");
    assert.equal(watch.hear({ id: "p0", status: "succeeded" }), false);
  });

  test("an end that somebody made up ends nothing, and looking goes on at its usual pace", async () => {
    const { client, readsOf } = account(1);
    const watch = watchOf(client, { ...patience, oldLookMs: 100 });
    const stop = new AbortController();
    const following = followed(watch, "p0", { signal: stop.signal, ageMs: oldMs });
    await until("the first look", () => readsOf("p0") >= 1);
    watch.hear({ id: "p0", status: "succeeded" });
    const reads = readsOf("p0");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const looks = readsOf("p0") - reads;
    assert.ok(looks >= 2 && looks <= 7, `${looks} looks in half a second`);
    stop.abort(new Error("stopped"));
    assert.deepEqual(new Set(await following), new Set(["processing"]));
  });

  test("a flood of deliveries about a run costs no more looks than a young run does", async () => {
    const { client, readsOf } = account(1);
    const watch = watchOf(client, { ...patience, youngLookMs: 100, oldLookMs: 60_000 });
    const stop = new AbortController();
    const following = followed(watch, "p0", { signal: stop.signal, ageMs: 100 * oldMs });
    const startedAt = performance.now();
    while (performance.now() - startedAt < 500) {
      watch.hear({ id: "p0", status: "processing" });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(readsOf("p0") <= 7, `${readsOf("p0")} reads`);
    stop.abort(new Error("stopped"));
    await following;
  });

  for (const count of [20, 300])
    test(`a refresh of ${count} runs brings what is new, and only that is waited for`, async () => {
      const { client, all } = account(count);
      const watch = watchOf(client, { ...patience, oldLookMs: 60_000 });
      const stop = new AbortController();
      const ended: string[] = [];
      let looks = 0;
      const more = {
        signal: stop.signal,
        ageMs: 100 * oldMs,
        isRead: () => (looks++, false),
      };
      const followers = all.map(async ({ id }) => {
        if ((await followed(watch, id, more)).at(-1) === "failed") ended.push(id);
      });
      await until("following", () => looks > count);
      all[7]!.status = "failed";
      await watch.refresh(AbortSignal.timeout(20_000));
      assert.deepEqual(ended, ["p7"]);
      stop.abort(new Error("stopped"));
      await Promise.all(followers);
      await watch.refresh(AbortSignal.timeout(20_000));
    });

  test("a follower is told why its look failed, and everybody is looked at again after a breakdown", async () => {
    const { client, all, breakDown } = account(200);
    const watch = watchOf(client, patience);
    breakDown(true);
    const failed = await Promise.allSettled(all.map(({ id }) => watch.next(id, watching(1))));
    assert.ok(failed.every(({ status }) => status === "rejected"));
    breakDown(false);
    for (const each of all) each.status = "failed";
    const again = await Promise.all(all.map(({ id }) => watch.next(id, watching(1))));
    assert.ok(again.every((each) => each?.status === "failed"));
  });
});
