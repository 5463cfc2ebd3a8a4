import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { isActive, type JobStatus, jobStatuses, terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import { type JobRecord, maxAttempts, newJobRecord, withChange } from "./job-record.ts";
import {
  beginWork,
  canMove,
  endRun,
  type JobChange,
  moveTo,
  nextAttempt,
  requestCancel,
  type RunEnd,
} from "./job-state.ts";

const now = Date.UTC(2026, 0, 31);

/** The edges of CONTRACT 2.2, written out apart from the code. */
const edges = new Set([
  ...["uploading", "queued", "running", "cancelled", "failed"].map((to) => `pending ${to}`),
  ...["queued", "running", "cancelled", "failed"].map((to) => `uploading ${to}`),
  ...["running", "cancelled", "failed"].map((to) => `queued ${to}`),
  ...["completed", "cancelled", "failed"].map((to) => `running ${to}`),
]);

function jobIn(status: JobStatus, runToken: string | null = "run"): JobRecord {
  const record = newJobRecord(
    {
      jobId: "job",
      userId: "ada",
      provider: "local",
      jobType: "local",
      name: "a run",
      configName: null,
      modelFamily: null,
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: null,
      metadata: {},
    },
    now,
  );
  return withChange(record, { wire: { status }, private: { runToken } }, now);
}

test("every pair of states: moving works exactly where the contract has an edge", () => {
  for (const from of jobStatuses) {
    for (const to of jobStatuses) {
      const allowed = edges.has(`${from} ${to}`);
      assert.equal(canMove(from, to), allowed, `${from} to ${to}`);
      if (allowed) {
        const change = moveTo(jobIn(from), to, now);
        assert.deepEqual(change.events, [{ type: "job.status", data: { status: to, previous: from } }]);
      } else {
        assert.throws(
          () => moveTo(jobIn(from), to, now),
          (error) => error instanceof Failure && error.code === "invalid_job_state",
          `${from} to ${to}`,
        );
      }
    }
  }
});

test("a job gets its start when it first runs and its end when it is over", () => {
  const running = moveTo(jobIn("queued"), "running", now + 5);
  assert.equal(running.wire?.started_at, new Date(now + 5).toISOString());
  const again = withChange(jobIn("queued"), { wire: { started_at: new Date(now).toISOString() } }, now);
  assert.equal(moveTo(again, "running", now + 9).wire?.started_at, undefined);
  for (const to of terminalStatuses) {
    const ended = moveTo(jobIn("running"), to, now + 7);
    assert.equal(ended.wire?.completed_at, new Date(now + 7).toISOString());
  }
});

test("cancel: waiting ends at once, under way is asked, asked twice is harmless, over is refused", () => {
  assert.equal(requestCancel(jobIn("pending"), "ada", now)?.wire?.status, "cancelled");
  for (const status of ["uploading", "queued", "running"] as const) {
    const change = requestCancel(jobIn(status), "ada", now);
    assert.deepEqual(change?.wire, { cancel_requested: true });
    assert.equal(change?.events[0]?.type, "job.cancel_requested");
    const asked = withChange(jobIn(status), { wire: { cancel_requested: true } }, now);
    assert.equal(requestCancel(asked, "ada", now), null);
  }
  for (const status of terminalStatuses)
    assert.throws(() => requestCancel(jobIn(status), "ada", now), Failure);
});

test("only a waiting job is taken into work, and packages go through uploading", () => {
  for (const status of jobStatuses) {
    const change = beginWork(jobIn(status), "fresh", now);
    if (status !== "pending") {
      assert.equal(change, null, status);
      continue;
    }
    assert.equal(change?.wire?.status, "queued");
    assert.equal(change?.private?.runToken, "fresh");
    assert.equal(change?.wire?.attempt, 1);
  }
  const packaged = withChange(jobIn("pending"), { private: { transfer: "package" } }, now);
  assert.equal(beginWork(packaged, "fresh", now)?.wire?.status, "uploading");
});

test("a lost run starts again until no attempt is left", () => {
  let job = withChange(
    jobIn("running"),
    { wire: { attempt: 1 }, private: { logPosition: 99, logLines: 7 } },
    now,
  );
  for (let attempt = 2; attempt <= maxAttempts; attempt++) {
    const change = nextAttempt(job, `run-${attempt}`, "gone");
    assert.ok(change);
    job = withChange(job, change, now);
    assert.equal(job.wire.attempt, attempt);
    assert.deepEqual(
      [job.private.runToken, job.private.handedOver, job.private.logPosition, job.private.logLines],
      [`run-${attempt}`, false, 0, 7],
    );
  }
  assert.equal(nextAttempt(job, "one too many", "gone"), null);
});

test("the end of a run: completion wins over a cancel that was asked, everything else is cancelled then", () => {
  const asked = withChange(jobIn("running"), { wire: { cancel_requested: true } }, now);
  const ends: [RunEnd, JobStatus][] = [
    [{ outcome: "completed", outputUrl: "/model" }, "completed"],
    [{ outcome: "failed", code: "trainer_killed", message: "killed" }, "cancelled"],
    [{ outcome: "cancelled" }, "cancelled"],
  ];
  for (const [end, status] of ends) {
    const ended = withChange(asked, endRun(asked, "run", end, now), now);
    assert.equal(ended.wire.status, status);
    assert.equal(ended.private.runToken, null);
    assert.equal(ended.wire.error_message, null);
  }
  const failed = withChange(jobIn("running"), endRun(jobIn("running"), "run", ends[1]![0], now), now);
  assert.deepEqual([failed.wire.error_code, failed.wire.error_message], ["trainer_killed", "killed"]);
});

const anEnd: fc.Arbitrary<RunEnd> = fc.oneof(
  fc.constant<RunEnd>({ outcome: "completed", outputUrl: null }),
  fc.constant<RunEnd>({ outcome: "cancelled" }),
  fc.constant<RunEnd>({ outcome: "failed", code: "x", message: "y" }),
);
const aStep = fc.oneof(
  fc.record({ what: fc.constant("begin" as const), token: fc.constantFrom("r1", "r2", "r3") }),
  fc.record({ what: fc.constant("move" as const), to: fc.constantFrom(...jobStatuses) }),
  fc.record({ what: fc.constant("end" as const), token: fc.constantFrom("r1", "r2", "r3"), end: anEnd }),
  fc.record({ what: fc.constant("lost" as const), token: fc.constantFrom("r1", "r2", "r3") }),
  fc.record({ what: fc.constant("cancel" as const) }),
);

test("whatever is reported in whatever order, terminal never changes and late reports are kept, not applied", () => {
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 40 }), (steps) => {
      let job = jobIn("pending", null);
      let ends = 0;
      for (const step of steps) {
        const before = job;
        const change = decide(job, step);
        if (!change) continue;
        job = withChange(job, change, now);
        if (!isActive(before.wire.status)) {
          const { updated_at: _, ...kept } = before.wire;
          const { updated_at: __, ...now_ } = job.wire;
          assert.deepEqual(now_, kept, "a terminal job changed");
          assert.deepEqual(
            change.events.map((event) => event.type),
            ["job.report_ignored"],
          );
        } else if (before.wire.status !== job.wire.status) {
          assert.ok(edges.has(`${before.wire.status} ${job.wire.status}`));
          if (!isActive(job.wire.status)) ends++;
        }
        if (step.what === "end" && before.private.runToken !== step.token) {
          assert.equal(job.wire.status, before.wire.status);
          assert.equal(change.events[0]?.type, "job.report_ignored");
        }
        assert.equal(job.wire.is_active, isActive(job.wire.status));
        assert.equal(job.wire.is_terminal, !job.wire.is_active);
      }
      assert.ok(ends <= 1, "a job ended twice");
    }),
    { numRuns: 500 },
  );
});

/** What the server would do with a step; null when it does nothing. */
function decide(
  job: JobRecord,
  step: typeof aStep extends fc.Arbitrary<infer Step> ? Step : never,
): JobChange | null {
  try {
    switch (step.what) {
      case "begin":
        return beginWork(job, step.token, now);
      case "move":
        // Moves without a run's report are the server's own and stop at the end states.
        return isActive(step.to) ? moveTo(job, step.to, now) : null;
      case "end":
        return endRun(job, step.token, step.end, now);
      case "lost":
        return job.private.runToken === step.token && job.wire.is_active
          ? nextAttempt(job, step.token, "lost")
          : null;
      case "cancel":
        return requestCancel(job, "ada", now);
    }
  } catch (error) {
    if (error instanceof Failure && error.code === "invalid_job_state") return null;
    throw error;
  }
}
