import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { Asked } from "./access-test-child.ts";

/** Asks one of two sides, each with its own connection to the one database. */
type Side = (act: Asked["act"], ...args: string[]) => Promise<string>;

let folder: string;
let workers: Worker[];
let sides: [Side, Side];

async function openSide(path: string): Promise<Side> {
  const worker = new Worker(new URL("access-test-child.ts", import.meta.url), { workerData: { path } });
  workers.push(worker);
  await once(worker, "message");
  const waiting = new Map<number, (outcome: string) => void>();
  worker.on("message", ({ number, outcome }: { number: number; outcome: string }) => {
    waiting.get(number)?.(outcome);
    waiting.delete(number);
  });
  let asked = 0;
  return (act, ...args) =>
    new Promise((resolve) => {
      const number = ++asked;
      waiting.set(number, resolve);
      worker.postMessage({ number, act, args } satisfies Asked);
    });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "two processes "));
  workers = [];
  const path = join(folder, "jobs.db");
  sides = [await openSide(path), await openSide(path)];
});
after(async () => {
  for (const worker of workers) await worker.terminate();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => sides[0]("clear"));

/** Asks both sides in turn, all at once. */
const onBoth = (times: number, ask: (side: Side, turn: number) => Promise<string>): Promise<string[]> =>
  Promise.all(Array.from({ length: times }, (_, turn) => ask(sides[turn % 2] as Side, turn)));

test("of many first administrators in two processes one is made", async () => {
  const outcomes = await onBoth(20, (side, turn) => side("addFirstAdmin", `root${turn}`));
  assert.deepEqual(outcomes.toSorted(), ["done", ...Array.from({ length: 19 }, () => "setup_done")]);
});

test("of two administrators that switch each other off in two processes one stays", async () => {
  await sides[0]("addAdmin", "ada");
  await sides[0]("addAdmin", "bob");
  for (let round = 0; round < 30; round++) {
    const outcomes = await onBoth(2, (side, turn) => side("switchOff", turn === 0 ? "ada" : "bob"));
    assert.deepEqual(outcomes.toSorted(), ["done", "last_administrator"]);
    for (const id of ["ada", "bob"]) await sides[1]("switchOn", id);
  }
});

test("attempts to sign in through two processes share one count", async () => {
  const outcomes = await onBoth(30, (side) => side("attempt", "ada"));
  assert.equal(outcomes.filter((outcome) => outcome === "done").length, 5);
  assert.equal(outcomes.filter((outcome) => outcome === "refused").length, 25);
});

test("no session outlives a password that is changed in another process at the same moment", async () => {
  await sides[0]("addAdmin", "ada");
  for (let round = 0; round < 30; round++) {
    await sides[0]("setPassword", "ada", `old${round}`);
    await onBoth(2, (side, turn) =>
      turn === round % 2 ? side("signIn", "ada", `old${round}`) : side("setPassword", "ada", `new${round}`),
    );
    assert.equal(await sides[1]("sessionsOf", "ada"), "0");
  }
});
