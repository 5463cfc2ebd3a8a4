import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sqliteState } from "../state/sqlite/sqlite-state.ts";
import type { StateStore } from "../state/state.ts";
import { circuitBreaker, ownCircuitRecords } from "./circuit-breaker.ts";

const rules = { failuresToOpen: 5, successesToClose: 2, openMs: 30_000 };

describe("a circuit breaker of two replicas", () => {
  let folder: string;
  let stores: StateStore[];
  let nowMs = 1_000_000;
  const now = () => nowMs;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "breaker test "));
    const open = () =>
      sqliteState({
        path: join(folder, "state.db"),
        lockWaitMs: 5_000,
        keyPrefix: "st:",
        now,
        onReplaced: assert.ifError,
      });
    stores = [open(), open()];
  });
  after(async () => {
    for (const store of stores) await store.close();
    await rm(folder, { recursive: true });
  });

  const replicas = (name: string) => stores.map((store) => circuitBreaker(name, rules, store, now));
  const fail = async (breaker: ReturnType<typeof circuitBreaker>) => (await breaker.enter())?.leave("failed");

  test("counts failures of both, opens for both, and half a minute later lets three trials of both through", async () => {
    const [one, other] = replicas("both");
    assert.ok(one && other);
    await Promise.all(Array.from({ length: 4 }, (_, index) => fail(index % 2 ? one : other)));
    assert.deepEqual([(await one.view()).failures, (await other.view()).state], [4, "closed"]);
    await fail(other);
    assert.equal(await one.enter(), null);
    assert.deepEqual([(await one.view()).state, (await one.view()).retryAfterMs], ["open", 30_000]);
    nowMs += 30_000;
    const trials = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index % 2 ? one : other).enter()),
    );
    const admitted = trials.filter((trial) => trial !== null);
    assert.equal(admitted.length, 3);
    for (const trial of admitted) await trial.leave("worked");
    assert.equal((await other.view()).state, "closed");
  });

  test("of failures at the same moment none is lost", async () => {
    const [one, other] = replicas("race");
    assert.ok(one && other);
    const entered = await Promise.all(
      Array.from({ length: 4 }, (_, index) => (index % 2 ? one : other).enter()),
    );
    await Promise.all(entered.map((call) => call?.leave("failed")));
    assert.equal((await one.view()).failures, 4);
  });

  test("is closed for both by a reset", async () => {
    const [one, other] = replicas("reset");
    assert.ok(one && other);
    for (let index = 0; index < 5; index++) await fail(one);
    assert.equal(await other.enter(), null);
    await other.reset();
    assert.ok(await one.enter());
    assert.deepEqual([(await one.view()).failuresTotal, (await other.view()).failuresTotal], [5, 0]);
  });

  test("a moment that a wrong clock wrote far ahead does not shut the service out", async () => {
    const [one, other] = replicas("clock");
    assert.ok(one && other);
    nowMs += 86_400_000;
    for (let index = 0; index < 5; index++) await fail(one);
    nowMs -= 86_400_000;
    assert.ok(await other.enter());
  });

  test("when the shared state does not answer, calls go through", async () => {
    const broken = async (): Promise<never> => {
      throw new Error("no state");
    };
    const breaker = circuitBreaker("broken", rules, { get: broken, set: broken, delete: broken });
    for (let index = 0; index < 7; index++) await fail(breaker);
    assert.ok(await breaker.enter());
  });

  test("alone, it remembers in its process", async () => {
    const breaker = circuitBreaker("alone", rules, ownCircuitRecords(), now);
    for (let index = 0; index < 5; index++) await fail(breaker);
    assert.equal(await breaker.enter(), null);
  });
});
