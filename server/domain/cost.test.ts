import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { costMicros, estimateJob, microsOfUsd, type PastRun, stepsOf, usdOfMicros, usdText } from "./cost.ts";

const rate = fc.integer({ min: 0, max: 100_000_000 });
const ms = fc.integer({ min: 0, max: 90 * 86_400_000 });

test("a cost is the exact product, rounded once and half up", () => {
  fc.assert(
    fc.property(rate, ms, (perHour, time) => {
      const twice = 2n * BigInt(perHour) * BigInt(time);
      const off = twice - 2n * 3_600_000n * BigInt(costMicros(perHour, time));
      assert.ok(-3_600_000n < off || off === -3_600_000n, `${off}`);
      assert.ok(off < 3_600_000n, `${off}`);
    }),
  );
  assert.equal(costMicros(5_490_000, 1_000), 1_525);
  assert.equal(costMicros(5_490_000, 3_600_000), 5_490_000);
  assert.equal(costMicros(1, 1_800_000), 1);
  assert.equal(costMicros(1, 1_799_999), 0);
});

test("time never costs less than nothing, and more time never less than less", () => {
  fc.assert(
    fc.property(rate, ms, ms, (perHour, one, two) => {
      const [less, more] = [Math.min(one, two), Math.max(one, two)];
      assert.ok(costMicros(perHour, less) <= costMicros(perHour, more));
      // Rounding loses at most half a micro-dollar at each of three places.
      assert.ok(
        Math.abs(costMicros(perHour, one) + costMicros(perHour, two) - costMicros(perHour, one + two)) <= 1,
      );
    }),
  );
  assert.equal(costMicros(5_490_000, -5), 0);
});

test("money goes over the wire and comes back to the micro-dollar", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000_000_000 }), (micros) => {
      assert.equal(microsOfUsd(usdOfMicros(micros)), micros);
    }),
  );
  assert.equal(microsOfUsd(0.001525 * 3600), 5_490_000);
});

test("amounts below a cent do not read as free", () => {
  assert.deepEqual([0, 4_200, 10_000, 1_234_500_000].map(usdText), [
    "$0.00",
    "$0.0042",
    "$0.01",
    "$1,234.50",
  ]);
});

const h100 = 5_490_000;
const run = (durationMs: number, more: Partial<PastRun> = {}): PastRun => ({
  hardware: "gpu-h100",
  modelFamily: "flux",
  durationMs,
  steps: 100,
  ...more,
});
const shape = { hardware: "gpu-h100", modelFamily: "flux", steps: 200 };

test("history of other hardware, of another family and of no steps is no history", () => {
  const strange = [
    run(1_000, { hardware: "gpu-l40s" }),
    run(1_000, { modelFamily: "sdxl" }),
    run(1_000, { steps: 0 }),
    run(0),
  ];
  const told = estimateJob(strange, shape, h100);
  assert.deepEqual([told.basis, told.pastRuns], ["typical", 0]);
  assert.equal(estimateJob([run(1_000)], { ...shape, steps: null }, h100).basis, "typical");
});

test("without a price there is no cost, and a price of nothing is free", () => {
  assert.deepEqual(estimateJob([], shape, null), {
    basis: "none",
    pastRuns: 0,
    durationMs: null,
    micros: null,
  });
  const free = estimateJob([], shape, 0);
  assert.deepEqual([free.basis, free.durationMs, free.micros?.high], ["free", null, 0]);
  assert.equal(estimateJob([run(50_000)], shape, null).durationMs?.typical, 100_000);
});

test("past runs are scaled to the steps of this job, and their median is told", () => {
  const told = estimateJob([run(300_000), run(100_000), run(110_000)], shape, h100);
  assert.equal(told.durationMs?.typical, 220_000);
  assert.equal(told.micros?.typical, costMicros(h100, 220_000));
  assert.ok((told.durationMs?.high ?? 0) > 500_000, "the slow run widens the range");
});

test("an estimate is in order, does not depend on the order of its history, and lies within it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 86_400_000 }), { maxLength: 30 }),
      rate,
      (times, perHour) => {
        const past = times.map((time) => run(time));
        const told = estimateJob(past, { ...shape, steps: 100 }, perHour);
        assert.deepEqual(estimateJob(past.toReversed(), { ...shape, steps: 100 }, perHour), told);
        for (const range of [told.durationMs, told.micros])
          if (range) assert.ok(0 <= range.low && range.low <= range.typical && range.typical <= range.high);
        if (times.length === 0 || !told.durationMs) return;
        assert.ok(told.durationMs.typical >= Math.min(...times) - 1);
        assert.ok(told.durationMs.typical <= Math.max(...times) + 1);
      },
    ),
  );
});

test("steps are read in both ways of writing a configuration", () => {
  assert.equal(stepsOf({ max_train_steps: 20 }), 20);
  assert.equal(stepsOf({ "--max_train_steps": "30" }), 30);
  for (const odd of [{}, { max_train_steps: 0 }, { max_train_steps: "many" }, { max_train_steps: Infinity }])
    assert.equal(stepsOf(odd), null);
});
