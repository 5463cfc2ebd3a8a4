import assert from "node:assert/strict";
import { test } from "node:test";
import { configDifferences } from "./config-differences.ts";

test("only what differs is listed, absent options as null", () => {
  const mine = { config: { same: 1, changed: "a", mine: true }, datasets: [] };
  const theirs = { config: { same: 1, changed: "b", theirs: { deep: 1 } }, datasets: [{ id: "x" }] };
  assert.deepEqual(configDifferences(mine, theirs), [
    { key: "changed", mine: "a", theirs: "b" },
    { key: "mine", mine: "true", theirs: null },
    { key: "theirs", mine: null, theirs: '{"deep":1}' },
    { key: "", mine: "[]", theirs: '[{"id":"x"}]' },
  ]);
  assert.deepEqual(configDifferences(mine, mine), []);
});
