import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Prediction } from "./answers.ts";
import type { ReplicateClient } from "./client.ts";
import { usualPatience } from "./patience.ts";
import { predictionWatch } from "./prediction-watch.ts";

const patience = { ...usualPatience, youngLookMs: 20, oldLookMs: 60, toldLookMs: 5_000, betweenCallsMs: 0 };
const never = new AbortController().signal;

/** Predictions as an account has them; counts calls as Replicate would: one a read, one a page of a list. */
function account(count: number) {
  const all = Array.from({ length: count }, (_, index) => ({
    id: `p${index}`,
    status: "processing",
    created_at: new Date(Date.now() - 1_000).toISOString(),
  }));
  const calls = { read: 0, pages: 0, most: 0 };
  let broken = false;
  let underWay = 0;
  const client = {
    async prediction(id: string): Promise<Prediction | null> {
      calls.read++;
      calls.most = Math.max(calls.most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      if (broken) throw new Error("out of order");
      const found = all.find((each) => each.id === id);
      return found ? { ...found, logs: `log of ${id}` } : null;
    },
    async *predictionsSince() {
      for (const [index, row] of all.toReversed().entries()) {
        if (index % 100 === 0) calls.pages++;
        if (broken) throw new Error("out of order");
        yield row;
      }
    },
  } as unknown as ReplicateClient;
  return { all, calls, client, breakDown: (is: boolean) => (broken = is) };
}

const watching = (looks: number, signal = never) => ({ correlationId: "run", looks, ageMs: 1_000, signal });

describe("watching predictions", () => {
  it("reads few one by one, at once at first and then when they are due", async () => {
    const { calls, client, all } = account(3);
    const watch = predictionWatch(client, patience);
    const first = await Promise.all(all.map(({ id }) => watch.next(id, watching(1))));
    assert.deepEqual(
      first.map((each) => each?.logs),
      ["log of p0", "log of p1", "log of p2"],
    );
    const startedAt = performance.now();
    await watch.next("p0", watching(4));
    assert.ok(performance.now() - startedAt >= 19);
    assert.deepEqual(calls, { read: 4, pages: 0, most: calls.most });
    assert.equal(await watch.next("unknown", watching(1)), null);
  });

  it("learns of the ends among 1,500 from lists, within its budget of reads", async () => {
    const { calls, client, all } = account(1_500);
    const watch = predictionWatch(client, { ...patience, readsOfRound: 40 });
    const heard = new Map<string, string[]>();
    const stop = new AbortController();
    const followers = all.map(async ({ id }) => {
      for (let looks = 1; ; looks++) {
        const news = await watch.next(id, watching(looks, stop.signal)).catch(() => null);
        if (stop.signal.aborted || news === null) return;
        heard.set(id, [...(heard.get(id) ?? []), news.status]);
        if (news.status !== "processing") return;
      }
    });
    const until = async (done: () => boolean): Promise<void> => {
      const deadline = performance.now() + 20_000;
      while (!done() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(() => calls.pages >= 30);
    const rounds = calls.pages / 15;
    assert.ok(calls.read <= rounds * 40 + 40, `${calls.read} reads in ${rounds} rounds`);
    for (const index of [0, 17, 1_499]) Object.assign(all[index] ?? {}, { status: "succeeded" });
    await until(() => [0, 17, 1_499].every((index) => heard.get(`p${index}`)?.at(-1) === "succeeded"));
    assert.deepEqual(
      [0, 17, 1_499].map((index) => heard.get(`p${index}`)?.at(-1)),
      ["succeeded", "succeeded", "succeeded"],
    );
    // The log of each is read in its turn, nobody's twice while another's was not read.
    await until(() => heard.size === 1_500);
    assert.equal(heard.size, 1_500);
    const times = [...heard.values()].map((each) => each.length);
    assert.ok(Math.max(...times) - Math.min(...times) <= 2);
    stop.abort();
    await Promise.all(followers);
  });

  it("hears what is told at once, keeps an end that is told while nobody waits, and then looks seldom", async () => {
    const { calls, client } = account(21);
    const watch = predictionWatch(client, patience);
    assert.equal(watch.hear({ id: "p0", status: "processing" }), false);
    await watch.next("p0", watching(1));
    const waiting = watch.next("p0", watching(9));
    assert.equal(watch.hear({ id: "p0", status: "processing", logs: "told" }), true);
    assert.equal((await waiting)?.logs, "told");
    watch.hear({ id: "p0", status: "succeeded" });
    watch.hear({ id: "p0", status: "processing" });
    assert.equal((await watch.next("p0", watching(9)))?.status, "succeeded");
    const seldom = new AbortController();
    const others = Array.from({ length: 20 }, (_, index) => `p${index + 1}`);
    for (const id of others) await watch.next(id, watching(1));
    for (const id of others) watch.hear({ id, status: "processing" });
    await Promise.all(others.map((id) => watch.next(id, watching(2))));
    const reads = calls.read;
    const looks = [...others, "p0"].map((id) => watch.next(id, watching(9, seldom.signal)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    // The first ones wait while they are few.
    assert.ok(calls.read - reads <= 20, `${calls.read - reads} reads`);
    seldom.abort(new Error("stopped"));
    await Promise.allSettled(looks);
    watch.forget("p0");
    assert.equal(watch.hear({ id: "p0", status: "succeeded" }), false);
  });

  it("tells a follower why its look failed, and goes on for everybody after a breakdown", async () => {
    const { client, all, breakDown } = account(200);
    const watch = predictionWatch(client, patience);
    breakDown(true);
    const failed = await Promise.allSettled(all.map(({ id }) => watch.next(id, watching(1))));
    assert.ok(failed.every(({ status }) => status === "rejected"));
    breakDown(false);
    for (const each of all) each.status = "failed";
    const again = await Promise.all(all.map(({ id }) => watch.next(id, watching(1))));
    assert.ok(again.every((each) => each?.status === "failed"));
  });
});
