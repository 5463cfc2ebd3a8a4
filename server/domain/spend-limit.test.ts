import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  dayOf,
  needsSlice,
  periodOf,
  sliceFits,
  type SpendLimit,
  type SpendPeriod,
  submitVerdict,
  withSlice,
} from "./spend-limit.ts";
import { elapsedMs } from "./run-clock.ts";

const at = (text: string) => Date.parse(text);
const limit: SpendLimit = {
  provider: null,
  amountMicros: 10_000_000,
  period: "monthly",
  action: "block",
  sliceMs: 600_000,
};
const sums = (spentMicros: number, plannedMicros = 0, heldMicros = 0) => ({
  spentMicros,
  plannedMicros,
  heldMicros,
});

test("periods follow the calendar in UTC", () => {
  const told = (period: SpendPeriod, now: string) => {
    const { firstDay, resetsAtMs } = periodOf(period, at(now));
    return [firstDay, dayOf(resetsAtMs)];
  };
  assert.deepEqual(told("daily", "2026-12-31T23:59:59.999Z"), ["2026-12-31", "2027-01-01"]);
  assert.deepEqual(told("monthly", "2028-02-29T12:00:00Z"), ["2028-02-01", "2028-03-01"]);
  assert.deepEqual(told("monthly", "2026-12-01T00:00:00Z"), ["2026-12-01", "2027-01-01"]);
  // The first of January 2027 is a Friday; its week began in December.
  assert.deepEqual(told("weekly", "2027-01-01T10:00:00Z"), ["2026-12-28", "2027-01-04"]);
  assert.deepEqual(told("weekly", "2026-11-22T23:59:00Z"), ["2026-11-16", "2026-11-23"]);
  assert.deepEqual(told("weekly", "2026-11-23T00:00:00Z"), ["2026-11-23", "2026-11-30"]);
});

test("every instant lies in its period, and the next one begins where it ends", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<SpendPeriod>("daily", "weekly", "monthly"),
      fc.integer({ min: 0, max: at("2100-01-01") }),
      (period, now) => {
        const { firstDay, resetsAtMs } = periodOf(period, now);
        assert.ok(Date.parse(firstDay) <= now && now < resetsAtMs);
        assert.equal(periodOf(period, resetsAtMs).firstDay, dayOf(resetsAtMs));
        assert.equal(periodOf(period, resetsAtMs - 1).firstDay, firstDay);
      },
    ),
  );
});

test("a job fits to the last micro-dollar and not beyond", () => {
  assert.equal(submitVerdict(limit, sums(4_000_000, 4_000_000), 2_000_000), "near");
  assert.equal(submitVerdict(limit, sums(4_000_000, 4_000_000), 2_000_001), "exceeded");
  assert.equal(submitVerdict(limit, sums(1_000_000), 6_999_999), "fits");
  assert.equal(submitVerdict(limit, sums(1_000_000), 7_000_000), "near");
  // Nothing goes through a limit that is used up, not even what costs nothing.
  assert.equal(submitVerdict(limit, sums(10_000_000), 0), "exceeded");
});

test("a slice is asked for in time, and covers what was used beyond the last one", () => {
  const holding = { rateMicrosPerHour: 3_600_000, micros: 0, heldMicros: 0 };
  assert.equal(needsSlice(holding, 600_000), true);
  assert.equal(withSlice(holding, 600_000), 600_000);
  assert.equal(needsSlice({ ...holding, heldMicros: 600_000, micros: 540_000 }, 600_000), false);
  assert.equal(needsSlice({ ...holding, heldMicros: 600_000, micros: 540_001 }, 600_000), true);
  // After a long silence more was used than was held: the next slice begins at what was used.
  assert.equal(withSlice({ ...holding, heldMicros: 600_000, micros: 900_000 }, 600_000), 1_500_000);
  assert.equal(sliceFits(limit, sums(9_400_000, 0, 0), 0, 600_000), true);
  assert.equal(sliceFits(limit, sums(9_400_001, 0, 0), 0, 600_000), false);
  assert.equal(sliceFits(limit, sums(9_000_000, 0, 500_000), 0, 600_000), false);
});

test("time goes by the machine's own count, whatever is done to the wall clock", () => {
  const before = { nowMs: 1_000_000, uptimeMs: 500, bootId: "a" };
  assert.equal(elapsedMs(before, { nowMs: 0, uptimeMs: 1_500, bootId: "a" }), 1_000);
  assert.equal(elapsedMs(before, { nowMs: 9_999_999, uptimeMs: 1_500, bootId: "a" }), 1_000);
  assert.equal(elapsedMs(before, { nowMs: 1_060_000, uptimeMs: 100, bootId: "a" }), 60_000);
  assert.equal(elapsedMs(before, { nowMs: 1_060_000, uptimeMs: 9_000, bootId: "b" }), 60_000);
  assert.equal(elapsedMs(before, { nowMs: 999_999, uptimeMs: 9_000, bootId: "b" }), null);
});
