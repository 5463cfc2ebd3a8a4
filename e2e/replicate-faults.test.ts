import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultRun } from "./replicate-faults/run.ts";

describe("Replicate with faults", () => {
  it(
    "runs each job once, to its true end and at its true cost, whatever fails and however often the server is killed",
    { timeout: 400_000 },
    async () => {
      const report = await faultRun({
        jobs: 60,
        kills: 3,
        seed: 7,
        faultRate: 0.2,
        atOnce: 30,
        limitMs: 300_000,
      });
      assert.deepEqual(report.problems, []);
      assert.equal(report.recoveredMs.length, 3);
      for (const status of ["completed", "failed", "cancelled"])
        assert.ok((report.statuses[status] ?? 0) > 0, `no job is ${status}`);
      for (const fault of ["429", "500", "cut", "lost", "slow"])
        assert.ok((report.faults[fault] ?? 0) > 0, `no ${fault} happened`);
      assert.ok(report.deliveries.dropped > 0 && report.deliveries.doubled > 0);
    },
  );
});
