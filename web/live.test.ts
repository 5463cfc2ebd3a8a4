import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { newerJob, rememberJobs, watchJob } from "./live.ts";

function job(changes: Partial<Job>): Job {
  const base = { job_id: "a", status: "running", is_active: true, is_terminal: false, progress: null };
  return { ...base, upload_progress: null, updated_at: "2026-01-01T00:00:05Z", ...changes } as Job;
}

const done = job({ status: "completed", is_active: false, is_terminal: true });

test("a finished job never becomes active again, however new the report says it is", () => {
  const late = job({ updated_at: "2027-01-01T00:00:00Z" });
  assert.equal(newerJob(done, late), done);
  assert.equal(newerJob(late, done), done);
});

test("an older answer never replaces a newer event", () => {
  const old = job({ updated_at: "2026-01-01T00:00:01Z" });
  const fresh = job({ updated_at: "2026-01-01T00:00:09Z" });
  assert.equal(newerJob(fresh, old), fresh);
  assert.equal(newerJob(old, fresh), fresh);
});

test("progress counts as news even where the job itself did not change", () => {
  const progress = { updated_at: "2026-01-01T00:00:08Z" } as Job["progress"];
  const moved = job({ progress });
  assert.equal(newerJob(moved, job({})), moved);
});

test("watching follows what is remembered", () => {
  const watched = watchJob("b");
  const name = (): string | undefined => watched.value?.name;
  assert.equal(name(), undefined);
  rememberJobs([job({ job_id: "b", name: "one" })]);
  assert.equal(name(), "one");
  rememberJobs([job({ job_id: "b", name: "stale", updated_at: "2025-01-01T00:00:00Z" })]);
  assert.equal(name(), "one");
});
