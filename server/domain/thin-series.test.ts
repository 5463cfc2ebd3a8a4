import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { thinSeries } from "./thin-series.ts";

test("a thinned series is short, in order, made of its own points and keeps both extremes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true }), { maxLength: 3_000 }),
      fc.integer({ min: 10, max: 400 }),
      (values, points) => {
        const steps = values.map((_, index) => index * 3);
        const thin = thinSeries({ steps, values }, points);
        assert.ok(thin.steps.length <= Math.max(points, 0) && thin.steps.length === thin.values.length);
        if (values.length <= points) return assert.deepEqual(thin, { steps, values });
        for (const [index, step] of thin.steps.entries()) {
          assert.ok(Object.is(values[step / 3], thin.values[index]));
          assert.ok(index === 0 || step > (thin.steps[index - 1] as number));
        }
        assert.equal(
          thin.values.reduce((a, b) => Math.max(a, b)),
          values.reduce((a, b) => Math.max(a, b)),
        );
        assert.equal(
          thin.values.reduce((a, b) => Math.min(a, b)),
          values.reduce((a, b) => Math.min(a, b)),
        );
      },
    ),
  );
});
