import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { transferSteps } from "./transfer-steps.ts";

const half = { bytes_done: 50, bytes_total: 100 };

function steps(changes: object, way = "hub"): string[] {
  const job = { upload_progress: null, metadata: { dataset_way: way }, ...changes } as unknown as Job;
  return transferSteps(job).map(({ step, state, percent }) => `${step} ${state} ${percent}`);
}

test("two legs where datasets leave the machine, one where they stay", () => {
  assert.deepEqual(steps({ status: "pending" }), ["packaging waiting 0", "sending waiting 0"]);
  assert.deepEqual(steps({ status: "uploading", upload_progress: { ...half, stage: "packaging" } }), [
    "packaging active 50",
    "sending waiting 0",
  ]);
  assert.deepEqual(steps({ status: "queued" }), ["packaging done 100", "sending active null"]);
  assert.deepEqual(steps({ status: "queued", upload_progress: { ...half, stage: "uploading" } }), [
    "packaging done 100",
    "sending active 50",
  ]);
  assert.deepEqual(steps({ status: "running" }), ["packaging done 100", "sending done 100"]);
  assert.deepEqual(steps({ status: "uploading" }, "machine"), ["packaging active null"]);
});
