import assert from "node:assert/strict";
import { test } from "node:test";
import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { planChanges } from "./plan-changes.ts";

type Input = Parameters<typeof planChanges>[0];

function plan(fingerprint: string, datasets: Record<string, number>): Input {
  const planned = Object.entries(datasets).map(([id, file_count]) => ({ id, file_count, total_bytes: 10 }));
  return { fingerprint, datasets: planned as DatasetPlan["datasets"] };
}

test("equal fingerprints are no change", () => {
  assert.deepEqual(planChanges(plan("a", { x: 1 }), plan("a", { x: 1 })), []);
});

test("new, gone and grown datasets are each named", () => {
  const changes = planChanges(
    plan("a", { gone: 1, grown: 2, same: 3 }),
    plan("b", { grown: 5, same: 3, fresh: 1 }),
  );
  assert.deepEqual(
    changes.map(({ id, kind }) => `${kind} ${id}`),
    ["counts grown", "added fresh", "removed gone"],
  );
});

test("other contents with equal counts are still told, never silently agreed to", () => {
  assert.deepEqual(planChanges(plan("a", { x: 1 }), plan("b", { x: 1 })), [{ kind: "contents", id: "x" }]);
});
