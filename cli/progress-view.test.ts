import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, JobProgress } from "@simpletuner-cloud/contract/jobs.ts";
import { milestones, movingOf, movingText, progressView } from "./progress-view.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { fakeEvent, fakeJob } from "./testing/fake-server.ts";

function training(step: number, more: Partial<JobProgress> = {}): Job {
  return fakeJob({
    progress: {
      stage: "Training",
      step,
      total_steps: 100,
      percent: step,
      epoch: 1,
      loss: 0.12345,
      learning_rate: 1e-4,
      steps_per_second: 12.34,
      eta_seconds: 65,
      last_log: null,
      updated_at: "2026-01-31T10:20:30.123Z",
      ...more,
    },
  });
}

test("the moving line never exceeds the width and drops figures from the end", () => {
  const moving = movingOf(training(52));
  for (let width = 1; width < 120; width++) assert.ok([...movingText(moving, width)].length <= width);
  assert.match(movingText(moving, 75), /^Training +█+░+ {2}52 % {2}step 52\/100 {2}loss 0\.123$/);
});

test("figures that are unknown or out of range leave no NaN behind", () => {
  const nothing = {
    step: null,
    total_steps: null,
    percent: null,
    loss: null,
    eta_seconds: null,
    steps_per_second: null,
  };
  for (const job of [
    training(0, nothing),
    training(-5),
    training(400),
    training(3, { total_steps: 0, percent: null }),
  ]) {
    assert.doesNotMatch(movingText(movingOf(job), 200), /NaN|Infinity|undefined|null/);
  }
});

test("each state has its own words", () => {
  const upload = {
    stage: "packaging" as const,
    files_done: 3,
    files_total: 10,
    bytes_done: 500,
    bytes_total: 1000,
    bytes_per_second: 2000,
    eta_seconds: 1,
    current_file: null,
    updated_at: "2026-01-31T10:20:30.123Z",
  };
  assert.match(
    movingText(movingOf(fakeJob({ status: "pending", queue_position: 2 })), 99),
    /place 2 in the queue/,
  );
  const packaging = movingText(movingOf(fakeJob({ status: "uploading", upload_progress: upload })), 120);
  assert.match(packaging, /^Packaging .* 50 % {2}3\/10 files {2}500 B of 1\.0 kB {2}2\.0 kB\/s {2}1 s left$/);
  assert.match(movingText(movingOf(fakeJob({ cancel_requested: true })), 99), /^Cancelling/);
});

test("in a pipe each tenth is told once, also when validation comes between", () => {
  const { io, read } = capturedIo();
  const view = progressView(io.out);
  for (let step = 0; step <= 25; step++) view.show({ kind: "job", job: training(step) });
  view.show({ kind: "job", job: training(25, { stage: "Validation" }) });
  view.show({ kind: "job", job: training(25) });
  view.show({ kind: "lost" });
  view.show({ kind: "back" });
  view.close();
  const lines = read().out.trim().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, "").slice(0, 14)),
    [
      "Training  0 % ",
      "Training  10 %",
      "Training  20 %",
      "Validation  25",
      "The server is ",
      "The server is ",
    ],
  );
  assert.ok(!read().out.includes("\u001B"));
});

test("on a terminal the line is redrawn and the cursor comes back", async () => {
  const { io, read } = capturedIo({ terminal: true });
  const view = progressView(io.out);
  view.show({ kind: "job", job: training(10) });
  view.show({ kind: "event", event: fakeEvent(1, "job.checkpoint", { step: 10 }) });
  await waitFor(() => read().out.includes("step 10/100"));
  view.close();
  assert.match(read().out, /✓ Checkpoint at step 10\n/);
  assert.ok(read().out.endsWith("\r\u001B[K\u001B[?25h"));
});

async function waitFor(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    assert.ok(performance.now() < end, "the condition did not come true within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("milestones: several samples of a step are one line, unknown events none", () => {
  const told = milestones();
  assert.equal(told(fakeEvent(1, "job.sample", { step: 50, key: "a" })), "Sample at step 50");
  assert.equal(told(fakeEvent(2, "job.sample", { step: 50, key: "b" })), null);
  assert.equal(told(fakeEvent(3, "something.new", {})), null);
  assert.equal(
    told(fakeEvent(4, "job.attempt", { attempt: 2, resumed_from: "checkpoint-40" })),
    "Resumed from checkpoint-40 (attempt 2)",
  );
  assert.equal(
    told(fakeEvent(5, "job.packaged", { files: 1, bytes: 10, archive_bytes: 1200, seconds: 0.26 })),
    "Packaged 1 file as an archive of 1.2 kB in 0.3 s",
  );
});
