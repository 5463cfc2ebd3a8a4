import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { jobStages } from "./timeline-stages.ts";

const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();

function jobWith(change: Partial<Job>): Job {
  const job = {
    status: "pending",
    created_at: at(0),
    started_at: null,
    completed_at: null,
    is_terminal: false,
    progress: null,
    ...change,
  };
  return job as Job;
}

function event(type: string, seconds: number, data: Record<string, unknown> = {}): JobEvent {
  return { id: seconds, job_id: "j", type, at: at(seconds), data };
}

const names = (job: Job, events: JobEvent[] = []): string[] =>
  jobStages(job, events).map((stage) => `${stage.key}:${stage.state}`);

describe("a job's way", () => {
  test("a job that failed before it started shows neither start nor checkpoints", () => {
    const job = jobWith({ status: "failed", is_terminal: true, completed_at: at(9) });
    assert.deepEqual(names(job), ["created:done", "failed:done"]);
  });

  test("a waiting job shows what comes", () => {
    assert.deepEqual(names(jobWith({})), ["created:done", "started:next", "completed:next"]);
    assert.deepEqual(names(jobWith({ status: "uploading" })), [
      "created:done",
      "packaged:now",
      "started:next",
      "completed:next",
    ]);
    assert.deepEqual(names(jobWith({ status: "queued" })), ["created:done", "started:now", "completed:next"]);
  });

  test("a resumed, running job: waits, attempts, newest checkpoint and the expected end", () => {
    const job = jobWith({
      status: "running",
      started_at: at(30),
      progress: { eta_seconds: 100, updated_at: at(200) } as Job["progress"],
    });
    const stages = jobStages(job, [
      event("job.packaged", 20, { files: 12, bytes: 1024, seconds: 3 }),
      event("job.attempt", 29, { attempt: 1 }),
      event("job.checkpoint", 60, { step: 100, key: "checkpoint-100" }),
      event("job.attempt", 90, { attempt: 2, resumed_from: 100 }),
      event("job.checkpoint", 180, { step: 200, key: "checkpoint-200" }),
    ]);
    assert.deepEqual(
      stages.map((stage) => [stage.key, stage.state, stage.tookSeconds]),
      [
        ["created", "done", null],
        ["packaged", "done", 20],
        ["started", "done", 10],
        ["resumed", "done", 60],
        ["checkpoints", "now", 90],
        ["completed", "next", null],
      ],
    );
    assert.equal(stages.at(-1)?.at, at(300));
    assert.deepEqual(stages[4]?.numbers, { step: 200, count: 2 });
    assert.equal(stages[1]?.numbers["files"], 12);
  });

  test("a completed job ends with its end", () => {
    const job = jobWith({ status: "completed", is_terminal: true, started_at: at(5), completed_at: at(65) });
    const stages = jobStages(job, []);
    assert.deepEqual(
      stages.map((stage) => stage.key),
      ["created", "started", "completed"],
    );
    assert.equal(stages.at(-1)?.tookSeconds, 60);
  });
});
