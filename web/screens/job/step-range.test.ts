import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { movedRange, rangeOfQuery, zoomedRange } from "./step-range.ts";

test("addresses that hold no range", () => {
  const bad: [string | null, string | null][] = [
    [null, "5"],
    ["5", null],
    ["", ""],
    ["-1", "5"],
    ["5", "5"],
    ["6", "5"],
    ["a", "b"],
    ["1e3", "2000"],
  ];
  for (const [from, to] of bad) assert.equal(rangeOfQuery(from, to), null);
  assert.deepEqual(rangeOfQuery("200", "400"), { from: 200, to: 400 });
});

test("zooming in and out around the middle", () => {
  const whole = { from: 0, to: 1000 };
  assert.deepEqual(zoomedRange(whole, whole, 0.5), { from: 250, to: 750 });
  assert.deepEqual(zoomedRange({ from: 900, to: 1000 }, whole, 2), { from: 800, to: 1000 });
  assert.equal(zoomedRange({ from: 250, to: 750 }, whole, 2), null);
});

test("whatever is zoomed or moved stays inside the run and keeps some width", () => {
  fc.assert(
    fc.property(
      fc.nat(500),
      fc.integer({ min: 2, max: 500 }),
      fc.constantFrom(-0.5, 0.5),
      (from, width, share) => {
        const whole = { from: 0, to: 1000 };
        for (const range of [
          movedRange({ from, to: from + width }, whole, share),
          zoomedRange({ from, to: from + width }, whole, 0.5),
        ]) {
          assert.ok(range && range.from >= 0 && range.to <= 1000 && range.to - range.from >= 1);
        }
      },
    ),
  );
});
