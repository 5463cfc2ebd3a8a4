import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, Failure } from "@simpletuner-cloud/contract/errors.ts";
import {
  brokenOff,
  cancelDelivery,
  claimDelivery,
  deliveredAt,
  type DeliveryChange,
  type DeliveryRecord,
  failedAttempt,
  mostAttempts,
  newDelivery,
  retryDelivery,
  withDeliveryChange,
} from "./delivery.ts";

const order = {
  delivery_id: "d1",
  job_id: "j1",
  destination_id: "p1",
  destination: "Team bucket",
  kind: "s3",
  by: "server",
  target: null,
} as const;
const after = (record: DeliveryRecord, change: DeliveryChange | null, nowMs: number) => {
  assert.ok(change);
  return withDeliveryChange(record, change, nowMs);
};
const busy = fail("destination_busy", { place: "s3", reason: "503" });
const failedAt = (record: DeliveryRecord, nowMs: number, failure: Failure = busy) => {
  const running = after(record, claimDelivery(record, `lease ${nowMs}`, 1_000, nowMs), nowMs);
  return after(running, failedAttempt(running, failure, nowMs, 0), nowMs);
};

test("a delivery is claimed once it is due, under one lease, and again when its server died", () => {
  const waiting = newDelivery(order, null, 0);
  assert.equal(claimDelivery(waiting, "a", 1_000, 5), null, "it waits for the job's end");
  const due = after(waiting, { dueAtMs: 10 }, 10);
  assert.equal(claimDelivery(due, "a", 1_000, 9), null);
  const running = after(due, claimDelivery(due, "a", 1_000, 10), 10);
  assert.deepEqual([running.wire.status, running.wire.attempt, running.lease], ["running", 1, "a"]);
  assert.equal(claimDelivery(running, "b", 1_000, 1_009), null, "its lease has not run out");
  const again = after(running, claimDelivery(running, "b", 1_000, 1_010), 1_010);
  assert.deepEqual([again.lease, again.wire.attempt], ["b", 1], "the same attempt, taken up again");
});

test("what passes is tried again later each time, up to a day, and then waits for a person", () => {
  let record = newDelivery(order, 0, 0);
  const waits: number[] = [];
  let nowMs = 0;
  while (record.dueAtMs !== null) {
    nowMs = record.dueAtMs;
    record = failedAt(record, nowMs);
    if (record.dueAtMs !== null) waits.push((record.dueAtMs - nowMs) / 60_000);
  }
  assert.deepEqual(waits, [0.5, 2, 10, 30, 60, 180, 360, 720]);
  assert.equal(record.wire.attempt, mostAttempts);
  assert.deepEqual([record.wire.status, record.wire.next_attempt_at], ["failed", null]);
});

test("many that failed together do not all come back together", () => {
  const running = after(newDelivery(order, 0, 0), claimDelivery(newDelivery(order, 0, 0), "a", 1, 0), 0);
  assert.equal(failedAttempt(running, busy, 0, 0).dueAtMs, 30_000);
  assert.equal(failedAttempt(running, busy, 0, 1).dueAtMs, 36_000);
});

test("what somebody has to set right is not tried again by itself", () => {
  const record = failedAt(
    newDelivery(order, 0, 0),
    0,
    fail("destination_bucket_missing", { place: "s3", bucket: "b" }),
  );
  assert.equal(record.dueAtMs, null);
  const ordered = after(record, retryDelivery(record, true, 5), 5);
  assert.deepEqual(
    [ordered.wire.status, ordered.dueAtMs, ordered.wire.attempt, ordered.wire.error_message],
    ["waiting", 5, 0, null],
  );
});

test("an attempt that the server's stop broke off does not count", () => {
  const due = newDelivery(order, 0, 0);
  const running = after(due, claimDelivery(due, "a", 1_000, 0), 0);
  const broken = after(running, brokenOff(running, 7), 7);
  assert.deepEqual(
    [broken.wire.status, broken.dueAtMs, broken.lease, broken.wire.attempt],
    ["waiting", 7, null, 0],
  );
});

test("each act is refused where it makes no sense, naming where it does", () => {
  const waiting = newDelivery(order, null, 0);
  const done = after(waiting, deliveredAt({ target: "s3://b/f/", url: null }, 1), 1);
  const refused = (act: () => unknown) =>
    assert.throws(act, (error) => error instanceof Failure && error.code === "invalid_delivery_state");
  refused(() => cancelDelivery(done, null, 2));
  refused(() => retryDelivery(waiting, true, 2));
  const cancelled = after(waiting, cancelDelivery(waiting, null, 2), 2);
  refused(() => cancelDelivery(cancelled, null, 3));
  assert.equal(retryDelivery(cancelled, false, 3).dueAtMs, null, "of a running job it waits for the end");
  assert.equal(retryDelivery(done, true, 3).dueAtMs, 3, "what is delivered may be delivered anew");
});
