import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  isScaled,
  lineRangeText,
  parseLineRange,
  positionAtRow,
  positionOf,
  rangePx,
  scrollHeightPx,
  scrollTopOf,
  tallestPx,
  windowAt,
} from "./log-view-scroll.ts";

const areas = fc.record({
  rows: fc.integer({ min: 0, max: 2_000_000 }),
  rowPx: fc.integer({ min: 16, max: 40 }),
  viewportPx: fc.integer({ min: 100, max: 2000 }),
});

/** Where the top of `row` is drawn when all rows have their least height, px below the viewport's top. */
function topOf(area: { rowPx: number }, shown: ReturnType<typeof windowAt>, row: number): number {
  return shown.anchorPx - shown.anchorShare * area.rowPx + (row - shown.anchorRow) * area.rowPx;
}

describe("scrolling arithmetic", () => {
  test("an empty or short log does not scroll and shows all of itself", () => {
    const empty = { rows: 0, rowPx: 20, viewportPx: 600 };
    assert.equal(rangePx(empty), 0);
    assert.deepEqual(windowAt(empty, 0, 5).end, 0);
    const few = { rows: 3, rowPx: 20, viewportPx: 600 };
    assert.equal(scrollHeightPx(few), 600);
    const shown = windowAt(few, 0, 5);
    assert.deepEqual([shown.first, shown.end], [0, 3]);
    assert.equal(topOf(few, shown, 0), 0);
  });

  test("a million lines stay below the browser's limit and are told to be scaled", () => {
    const area = { rows: 1_000_000, rowPx: 20, viewportPx: 600 };
    assert.equal(scrollHeightPx(area), tallestPx);
    assert.ok(isScaled(area));
    assert.ok(!isScaled({ ...area, rows: 1000 }));
  });

  test("scroll bar and place in the log are inverse to each other", () => {
    fc.assert(
      fc.property(areas, fc.double({ min: 0, max: 1, noNaN: true }), (area, share) => {
        const position = share * rangePx(area);
        assert.ok(Math.abs(positionOf(area, scrollTopOf(area, position)) - position) < 1e-3);
      }),
    );
  });

  test("places outside the log are brought back into it", () => {
    const area = { rows: 1000, rowPx: 20, viewportPx: 600 };
    assert.equal(positionOf(area, -50), 0);
    assert.equal(positionOf(area, 1e9), rangePx(area));
    assert.equal(positionAtRow(area, 999), rangePx(area));
    assert.equal(positionAtRow(area, 0), 0);
  });

  test("equal rows scroll to the pixel: row r is drawn at r * height - position", () => {
    fc.assert(
      fc.property(areas, fc.double({ min: 0, max: 1, noNaN: true }), (area, share) => {
        fc.pre(area.rows > 0);
        const position = share * rangePx(area);
        const shown = windowAt(area, position, 3);
        for (const row of [shown.first, shown.anchorRow, shown.end - 1]) {
          const wanted = row * area.rowPx - position;
          assert.ok(
            Math.abs(topOf(area, shown, row) - wanted) < 0.01,
            `${topOf(area, shown, row)} ${wanted}`,
          );
        }
      }),
    );
  });

  test("what is drawn always covers the viewport and is bounded by it", () => {
    fc.assert(
      fc.property(areas, fc.double({ min: 0, max: 1, noNaN: true }), (area, share) => {
        const shown = windowAt(area, share * rangePx(area), 4);
        assert.ok(shown.end - shown.first <= area.viewportPx / area.rowPx + 12);
        if (shown.first > 0) assert.ok(topOf(area, shown, shown.first) <= 0.01);
        if (shown.end < area.rows) assert.ok(topOf(area, shown, shown.end) >= area.viewportPx - 0.01);
      }),
    );
  });

  test("the last row ends at the bottom, whatever its height turns out to be", () => {
    const area = { rows: 500, rowPx: 20, viewportPx: 600 };
    const shown = windowAt(area, rangePx(area), 3);
    assert.equal(shown.anchorRow, 499);
    assert.equal(shown.anchorShare, 1);
    assert.equal(shown.anchorPx, 600);
  });

  test("a wanted row comes to the middle", () => {
    const area = { rows: 1_000_000, rowPx: 20, viewportPx: 600 };
    const shown = windowAt(area, positionAtRow(area, 654_321), 0);
    assert.ok(Math.abs(topOf(area, shown, 654_321) + 10 - 300) < 0.01);
  });
});

describe("line addresses", () => {
  test("what is no line is refused", () => {
    for (const text of [null, undefined, "", "0", "x", "-3", "1-", "1e3", "12345678901", "5-0"]) {
      assert.equal(parseLineRange(text), null, String(text));
    }
  });

  test("one line, a range, a range backwards, and GitHub's spelling", () => {
    assert.deepEqual(parseLineRange("7"), { from: 7, to: 7 });
    assert.deepEqual(parseLineRange("9-7"), { from: 7, to: 9 });
    assert.deepEqual(parseLineRange("L7-L9"), { from: 7, to: 9 });
    assert.equal(lineRangeText({ from: 7, to: 9 }), "7-9");
    assert.equal(lineRangeText({ from: 7, to: 7 }), "7");
  });
});
