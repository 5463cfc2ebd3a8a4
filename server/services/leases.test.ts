import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryState } from "../adapters/state/memory/memory-state.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { leases } from "./leases.ts";

/** A store whose clock the test holds. */
function clockedState(): { state: StateStore; pass: (ms: number) => void } {
  const state = memoryState();
  let nowMs = 1_000_000;
  return { state: { ...state, clock: async () => nowMs }, pass: (ms) => void (nowMs += ms) };
}

test("of many that ask at once one holds the lease, and only that one can ask again", async () => {
  const { state } = clockedState();
  const holders = Array.from({ length: 20 }, (_, at) => leases(state, `replica-${at}`));
  const answers = await Promise.all(holders.map((holder) => holder.acquire("queue", 10_000)));
  const held = answers.filter((answer) => answer !== null);
  assert.equal(held.length, 1);
  const own = answers.findIndex((answer) => answer !== null);
  assert.deepEqual((await holders[own]?.acquire("queue", 10_000))?.fence, held[0]?.fence);
  assert.equal(await holders[(own + 1) % 20]?.acquire("queue", 10_000), null);
  assert.notEqual(await holders[(own + 1) % 20]?.acquire("another", 10_000), null);
});

test("a lease that ran out goes to the next, whose number is higher, and the first cannot take it back", async () => {
  const { state, pass } = clockedState();
  const [first, second] = [leases(state, "a"), leases(state, "b")];
  const lease = await first.acquire("queue", 10_000);
  assert.ok(lease);
  pass(10_000);
  const next = await second.acquire("queue", 10_000);
  assert.ok(next && next.fence > lease.fence);
  assert.equal(await first.renew(lease, 10_000), null);
  await first.release(lease);
  assert.equal(await first.acquire("queue", 10_000), null, "a late release must not free what another holds");
});

test("renewing keeps a lease, and releasing frees it at once", async () => {
  const { state, pass } = clockedState();
  const [first, second] = [leases(state, "a"), leases(state, "b")];
  let lease = await first.acquire("queue", 10_000);
  for (let times = 0; times < 5; times++) {
    pass(9_000);
    assert.ok(lease);
    lease = await first.renew(lease, 10_000);
    assert.equal(await second.acquire("queue", 10_000), null);
  }
  assert.ok(lease);
  await first.release(lease);
  const next = await second.acquire("queue", 10_000);
  assert.ok(next && next.fence > lease.fence);
});

test("numbers go on growing where the store lost everything", async () => {
  const { state, pass } = clockedState();
  const lease = await leases(state, "a").acquire("queue", 10_000);
  pass(1);
  await state.delete("lease:queue");
  const next = await leases(state, "b").acquire("queue", 10_000);
  assert.ok(lease && next && next.fence > lease.fence);
});
