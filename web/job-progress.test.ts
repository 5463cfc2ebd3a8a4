import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { jobPercent, runSeconds, secondsLeft } from "./job-progress.ts";

const transfer = { bytes_done: 25, bytes_total: 100, eta_seconds: 3 } as Job["upload_progress"];
const training = { percent: 40, eta_seconds: 60 } as Job["progress"];

function job(changes: Partial<Job>): Job {
  return { status: "running", progress: null, upload_progress: null, started_at: null, ...changes } as Job;
}

test("results on their way home are not taken for the training's progress", () => {
  const receiving = job({
    progress: { ...training, eta_seconds: null } as Job["progress"],
    upload_progress: transfer,
  });
  assert.equal(jobPercent(receiving), 40);
  assert.equal(secondsLeft(receiving), null);
});

test("packaging counts bytes and admits an unknown total", () => {
  assert.equal(jobPercent(job({ status: "uploading", upload_progress: transfer })), 25);
  const unknown = { ...transfer, bytes_total: null } as Job["upload_progress"];
  assert.equal(jobPercent(job({ status: "uploading", upload_progress: unknown })), null);
  assert.equal(jobPercent(job({ status: "completed" })), 100);
});

test("run time counts on while the job runs and never below zero", () => {
  const now = Date.parse("2026-01-01T00:01:00Z");
  assert.equal(runSeconds(job({}), now), null);
  assert.equal(runSeconds(job({ started_at: "2026-01-01T00:00:00Z", completed_at: null }), now), 60);
  assert.equal(runSeconds(job({ started_at: "2026-01-01T00:02:00Z", completed_at: null }), now), 0);
});
