import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { logAt, type StoredPrediction } from "../../../../e2e/replicate-emulator/prediction-life.ts";
import type { RunReporter } from "../provider.ts";
import { never, openReplicateSite, type ReplicateSite } from "./replicate-test-site.ts";

/** Time goes by sixty times as fast: a second stands for a minute, with the usual budget of 600 calls in it. */
const patience = {
  youngLookMs: 33,
  oldLookMs: 500,
  toldLookMs: 1_000,
  betweenCallsMs: 100 / 60,
  callsAtOnce: 20,
  manyRuns: 100,
};
const callsInSecond = 600;

describe("many runs at once", () => {
  let site: ReplicateSite;

  beforeEach(async () => {
    site = await openReplicateSite({ limits: { creates: 600, others: 3_000, perMs: 1_000 } });
  });
  afterEach(() => site.close());

  test("2,000 runs: each end is seen, each log to its last line, in a fifth of the calls that Replicate takes", async () => {
    const { externalId } = await site.provider().start(site.request(), never);
    const first = site.emulator.predictions.find(({ id }) => id === externalId);
    assert.ok(first);
    site.emulator.predictions.length = 0;
    const runs = Array.from({ length: 2_000 }, (_, index) => manyOf(first, index));
    site.emulator.predictions.push(...runs);
    const replicate = site.provider({ patience });
    site.emulator.calls.length = 0;
    const startedAt = performance.now();
    const outcomes = await Promise.all(
      runs.map(async (prediction, index) => {
        const told = { log: "" };
        const reporter: RunReporter = {
          ...site.reporter,
          log: async (text) => void (told.log += text),
        };
        const run = { jobId: `job-${index}`, runToken: `token-${index}`, externalId: prediction.id };
        const { outcome } = await replicate.follow(run, 0, reporter, never);
        assert.equal(told.log, logAt(prediction, Date.now()), `the log of run ${index}`);
        return outcome;
      }),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    const expected = runs.map(({ problem }) => (problem === null ? "completed" : "failed"));
    assert.deepEqual(outcomes, expected);
    const calls = site.emulator.calls.filter(({ operation }) => operation === "get" || operation === "list");
    assert.equal(calls.length, site.emulator.calls.length);
    assert.ok(
      calls.length <= seconds * callsInSecond + patience.callsAtOnce + 5,
      `${calls.length} calls in ${seconds} seconds`,
    );
    assert.ok(calls.filter(({ operation }) => operation === "list").length >= 20, "lists were read");
  });
});

/** A training that ends between 1 and 5 seconds from now; each tenth fails. */
function manyOf(prediction: StoredPrediction, index: number): StoredPrediction {
  return {
    ...prediction,
    id: `many${String(index).padStart(6, "0")}`,
    createdAtMs: Date.now(),
    startMs: 100,
    trainMs: 1_000 + (index % 400) * 10,
    steps: 20,
    says: "Training complete.",
    problem: index % 10 === 9 ? "CUDA out of memory" : null,
    canceledAtMs: null,
  };
}
