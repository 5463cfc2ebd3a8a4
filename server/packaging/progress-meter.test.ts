import assert from "node:assert/strict";
import { test } from "node:test";
import type { PackagingProgress } from "./progress-meter.ts";
import { progressMeter } from "./progress-meter.ts";

function meterAt() {
  const clock = { ms: 1000 };
  const reports: PackagingProgress[] = [];
  return {
    clock,
    reports,
    meter: progressMeter(
      (progress) => reports.push(progress),
      () => clock.ms,
    ),
  };
}

test("reports come at most every 250 ms however often it counts", () => {
  const { clock, reports, meter } = meterAt();
  meter.start("packaging", 10_000, 10_000);
  for (let at = 0; at < 2000; at += 1) {
    clock.ms += 1;
    meter.advance(at, 1, "a");
  }
  assert.equal(reports.length, 1 + 8);
});

test("the rate is the mean of the last five seconds and the time left follows from it", () => {
  const { clock, reports, meter } = meterAt();
  meter.start("packaging", 100, 100_000);
  const perSecond = [1000, 1000, 1000, 1000, 1000, 5000, 5000, 5000, 5000, 5000];
  for (const [second, bytes] of perSecond.entries()) {
    clock.ms += 1000;
    meter.advance(second + 1, bytes, `file ${second}`);
  }
  const last = reports.at(-1);
  assert.equal(last?.bytes_per_second, 5000);
  assert.equal(last?.bytes_done, 30_000);
  assert.equal(last?.eta_seconds, 14);
  assert.equal(last?.current_file, "file 9");
  assert.equal(last?.files_done, 10);
});

test("no rate, no guess; and the end is always reported complete", () => {
  const { reports, meter } = meterAt();
  meter.start("scanning", 3, 30);
  meter.start("packaging", 3, 30);
  assert.equal(reports[1]?.eta_seconds, null);
  meter.advance(1, 10, "a");
  meter.finish();
  assert.deepEqual(
    reports.map((report) => report.stage),
    ["scanning", "packaging", "complete"],
  );
  assert.deepEqual([reports[2]?.files_done, reports[2]?.bytes_done, reports[2]?.eta_seconds], [3, 30, 0]);
});
