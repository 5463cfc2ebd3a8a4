import assert from "node:assert/strict";
import { test } from "node:test";
import { cachedSource } from "./cached-source.ts";
import { type SecretSource, SecretSourceError } from "./secret-source.ts";

const times = { freshMs: 60, staleMs: 900, retryMs: 5 };

function site() {
  const state = {
    nowMs: 0,
    asked: 0,
    answer: { A: "1" } as Record<string, string> | SecretSourceError,
  };
  const source: SecretSource = {
    id: "vault",
    place: "a test",
    async read() {
      state.asked++;
      if (state.answer instanceof SecretSourceError) throw state.answer;
      return new Map(Object.entries(state.answer));
    },
  };
  const cached = cachedSource(source, times, () => state.nowMs);
  const find = async (name: string) => (await cached.read()).get(name);
  return { state, cached, find };
}

test("an answer is used for a while, what it lacks too; then a rotated secret is there without a restart", async () => {
  const { state, find } = site();
  assert.deepEqual([await find("A"), await find("B"), state.asked], ["1", undefined, 1]);
  state.answer = { A: "2", B: "new" };
  state.nowMs = 59;
  assert.deepEqual([await find("A"), await find("B"), state.asked], ["1", undefined, 1]);
  state.nowMs = 60;
  assert.deepEqual([await find("A"), await find("B"), state.asked], ["2", "new", 2]);
});

test("many questions at once are one to the source", async () => {
  const { state, find } = site();
  await Promise.all(Array.from({ length: 50 }, () => find("A")));
  assert.equal(state.asked, 1);
});

test("while the source is away its last answer holds, but not for ever, and it is not asked again at once", async () => {
  const { state, find } = site();
  await find("A");
  state.answer = new SecretSourceError("away.", true);
  state.nowMs = 100;
  assert.deepEqual([await find("A"), await find("A"), state.asked], ["1", "1", 2]);
  state.nowMs = 106;
  assert.deepEqual([await find("A"), state.asked], ["1", 3]);
  state.nowMs = 901;
  await assert.rejects(find("A"), /away/);
});

test("a refusal is no passing trouble: the last answer does not hold", async () => {
  const { state, find } = site();
  await find("A");
  state.answer = new SecretSourceError("refused.", false);
  state.nowMs = 61;
  await assert.rejects(find("A"), /refused/);
  await assert.rejects(find("A"), /refused/);
  assert.equal(state.asked, 2);
  state.answer = { A: "3" };
  state.nowMs = 70;
  assert.equal(await find("A"), "3");
});
