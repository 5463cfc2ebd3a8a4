import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  aligned,
  csvOf,
  joined,
  lowerBound,
  recordingInterval,
  sampledEvenly,
  smoothed,
  summary,
  thinned,
  within,
  type StepSeries,
} from "./line-chart-series.ts";

function seriesOf(values: number[], every = 1): StepSeries {
  return { steps: values.map((_, index) => (index + 1) * every), values };
}

/** The textbook form: EMA from zero, divided by 1 - weight^n. */
function textbookEma(values: number[], weight: number): number[] {
  let last = 0;
  return values.map((value, index) => {
    last = last * weight + (1 - weight) * value;
    return last / (1 - weight ** (index + 1));
  });
}

function near(actual: readonly number[], wanted: readonly number[], tolerance = 1e-9): void {
  assert.equal(actual.length, wanted.length);
  for (const [index, value] of actual.entries()) {
    assert.ok(
      Math.abs(value - (wanted[index] ?? 0)) <= tolerance,
      `${index}: ${value} is not ${wanted[index]}`,
    );
  }
}

describe("smoothing", () => {
  test("nothing to smooth", () => {
    assert.deepEqual(smoothed({ steps: [], values: [] }, 0.9), []);
    assert.deepEqual(smoothed(seriesOf([5]), 0.99), [5]);
    assert.deepEqual(smoothed(seriesOf([3, 1, 2]), 0), [3, 1, 2]);
  });

  test("values that are not numbers do not poison what follows", () => {
    const result = smoothed(seriesOf([2, Number.NaN, 2, Number.POSITIVE_INFINITY, 2]), 0.9);
    assert.ok(Number.isNaN(result[1]));
    near([result[0] ?? 0, result[2] ?? 0, result[4] ?? 0], [2, 2, 2]);
  });

  test("equals the debiased textbook average on evenly recorded steps", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        (values, weight, every) =>
          near(smoothed(seriesOf(values, every), weight), textbookEma(values, weight), 1e-6),
      ),
    );
  });

  test("a missing stretch forgets as much as its steps would have", () => {
    const gap: StepSeries = { steps: [1, 2, 100], values: [10, 10, 0] };
    const [, , afterGap] = smoothed(gap, 0.9);
    assert.ok((afterGap ?? 1) < 0.01, "98 steps later the old value has no weight");
  });

  test("a thinned series keeps the curve of the whole one", () => {
    const values = Array.from(
      { length: 8000 },
      (_, index) => 2 * Math.exp(-index / 2000) + 0.1 * Math.sin(index),
    );
    const whole = seriesOf(values);
    const fromWhole = smoothed(whole, 0.99);
    const few = thinned(whole, 4000);
    const fromFew = smoothed(few, 0.99);
    for (const [index, step] of few.steps.entries()) {
      if (step < 500) continue;
      assert.ok(Math.abs((fromFew[index] ?? 0) - (fromWhole[step - 1] ?? 0)) < 0.03, `step ${step}`);
    }
  });
});

describe("thinning", () => {
  test("keeps at most the asked points, both ends, and every bucket's spike", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 500 }),
        fc.integer({ min: 4, max: 80 }),
        (values, points) => {
          const few = thinned(seriesOf(values), points);
          assert.ok(few.steps.length <= Math.max(points, 2));
          assert.equal(few.steps[0], 1);
          assert.equal(few.steps.at(-1), values.length);
          assert.equal(Math.max(...few.values), Math.max(...values));
          assert.equal(Math.min(...few.values), Math.min(...values));
          assert.ok(few.steps.every((step, index) => index === 0 || step > (few.steps[index - 1] ?? 0)));
        },
      ),
    );
  });

  test("a series that is all NaN still has its ends", () => {
    assert.equal(thinned(seriesOf(Array.from({ length: 100 }, () => Number.NaN)), 10).steps.length, 2);
  });

  test("rows for reading are even and bounded", () => {
    const few = sampledEvenly(seriesOf(Array.from({ length: 1000 }, (_, index) => index)), 11);
    assert.equal(few.steps.length, 11);
    assert.equal(few.steps[0], 1);
    assert.equal(few.steps.at(-1), 1000);
  });
});

describe("stretches", () => {
  test("the later stretch replaces what overlaps", () => {
    const whole = joined({ steps: [1, 2, 3], values: [1, 2, 3] }, { steps: [3, 4], values: [30, 40] });
    assert.deepEqual(whole, { steps: [1, 2, 3, 4], values: [1, 2, 30, 40] });
    assert.deepEqual(joined(whole, { steps: [], values: [] }), whole);
    assert.deepEqual(joined({ steps: [], values: [] }, whole), whole);
  });

  test("a window includes both its borders", () => {
    const series = seriesOf([1, 2, 3, 4, 5], 100);
    assert.deepEqual(within(series, 200, 400).steps, [200, 300, 400]);
    assert.deepEqual(within(series, null, null), series);
    assert.deepEqual(within(series, 501, null).steps, []);
    assert.deepEqual(within(series, 150, 150).steps, []);
  });

  test("bounds and intervals", () => {
    assert.equal(lowerBound([], 3), 0);
    assert.equal(lowerBound([1, 3, 5], 3), 1);
    assert.equal(lowerBound([1, 3, 5], 9), 3);
    assert.equal(recordingInterval([]), 1);
    assert.equal(recordingInterval([10, 20, 40, 50]), 10);
  });
});

describe("what a reader gets", () => {
  test("no summary of nothing", () => {
    assert.equal(summary({ steps: [1], values: [Number.NaN] }), null);
  });

  test("first, last, lowest, highest", () => {
    const found = summary({ steps: [1, 2, 3, 4], values: [0.5, Number.NaN, 0.2, 0.3] });
    assert.deepEqual(found?.min, { step: 3, value: 0.2 });
    assert.deepEqual(found?.max, { step: 1, value: 0.5 });
    assert.deepEqual(found?.last, { step: 4, value: 0.3 });
    assert.equal(found?.count, 3);
  });

  test("series with different steps are merged with gaps", () => {
    const both = aligned([
      { steps: [1, 2], values: [1, 2] },
      { steps: [2, 3], values: [20, Number.NaN] },
    ]);
    assert.deepEqual(both, {
      steps: [1, 2, 3],
      columns: [
        [1, 2, null],
        [null, 20, null],
      ],
    });
  });

  test("CSV quotes keys and leaves gaps empty", () => {
    const text = csvOf([
      { key: 'a"b', steps: [1, 2], values: [1, 0.5] },
      { key: "lr", steps: [2], values: [0.001] },
    ]);
    assert.equal(text, 'step,"a""b",lr\r\n1,1,\r\n2,0.5,0.001\r\n');
  });
});
