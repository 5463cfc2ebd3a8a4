import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attempts, afterFailure, attemptRules, forgetAfterMs, waitMs } from "./sign-in-delay.ts";

test("five may fail, then each failure doubles the wait, up to a quarter of an hour and never for good", () => {
  let attempts: Attempts | null = null;
  const waits: number[] = [];
  let now = 1_000_000;
  for (let attempt = 0; attempt < 14; attempt++) {
    attempts = afterFailure(attempts, attemptRules.name, now);
    const wait = waitMs(attempts, now);
    waits.push(wait / 1_000);
    now += wait + 1;
    assert.equal(waitMs(attempts, now), 0);
  }
  assert.deepEqual(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900, 900]);
});

test("an hour without a failure forgets the earlier ones", () => {
  const many: Attempts = { failures: 40, lastFailedAtMs: 0, blockedUntilMs: 900_000 };
  assert.equal(afterFailure(many, attemptRules.name, forgetAfterMs).failures, 1);
  assert.equal(afterFailure(many, attemptRules.name, forgetAfterMs - 1).failures, 41);
  assert.equal(waitMs(null, 5), 0);
});
