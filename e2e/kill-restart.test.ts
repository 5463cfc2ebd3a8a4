import assert from "node:assert/strict";
import { test } from "node:test";
import { killAndRestart, type PlannedKill } from "./kill-restart.ts";

const kills: PlannedKill[] = [
  { aim: "packaging", withTrainer: false },
  { aim: "training", withTrainer: true },
  { aim: "finishing", withTrainer: false },
];
// Processes are found by /proc.
const skip = process.platform === "linux" ? false : "kill-restart needs Linux";

test("a job survives kill -9 of the server and of its trainer", { skip, timeout: 300_000 }, async () => {
  const reports = [];
  for await (const report of killAndRestart({ kills, seed: 3, ballastFiles: 500 })) reports.push(report);
  assert.deepEqual(
    reports.flatMap((report) => report.problems.map((problem) => `${report.kills.join(", ")}: ${problem}`)),
    [],
  );
  assert.equal(reports.length, 1 + kills.length);
  for (const report of reports) assert.equal(report.status, "completed");
  for (const report of reports.slice(1)) assert.ok(report.kills.length > 0);
  assert.equal(reports[2]?.attempt, 2, "a killed trainer is started again from its checkpoint");
});
