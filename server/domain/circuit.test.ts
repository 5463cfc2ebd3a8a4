import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { admitCall, afterCall, type CallOutcome, circuitState, newCircuit } from "./circuit.ts";

const rules = { failuresToOpen: 5, successesToClose: 2, openMs: 30_000 };

/** A circuit with a clock; `call` makes one call that ends at once. */
function circuitSite() {
  const site = { circuit: newCircuit, nowMs: 0 };
  const enter = () => {
    const admitted = admitCall(site.circuit, site.nowMs);
    if (admitted) site.circuit = admitted.circuit;
    return admitted;
  };
  const leave = (isTrial: boolean, outcome: CallOutcome) => {
    site.circuit = afterCall(site.circuit, { outcome, isTrial }, site.nowMs, rules);
  };
  return Object.assign(site, {
    enter,
    leave,
    state: () => circuitState(site.circuit, site.nowMs),
    call(outcome: CallOutcome): boolean {
      const admitted = enter();
      if (admitted) leave(admitted.isTrial, outcome);
      return admitted !== null;
    },
  });
}

describe("a circuit", () => {
  test("opens after five failures in a row, not after five in all", () => {
    const one = circuitSite();
    for (const outcome of ["failed", "failed", "failed", "failed", "worked"] as const) one.call(outcome);
    for (let index = 0; index < 4; index++) one.call("failed");
    one.call("neither");
    assert.equal(one.state(), "closed");
    one.call("failed");
    assert.equal(one.state(), "open");
    assert.equal(one.call("worked"), false);
  });

  test("tries again after half a minute, closes after two that work, opens anew after one that fails", () => {
    const one = circuitSite();
    for (let index = 0; index < 5; index++) one.call("failed");
    one.nowMs = 29_999;
    assert.equal(one.call("worked"), false);
    one.nowMs = 30_000;
    assert.equal(one.call("worked"), true);
    assert.equal(one.state(), "half_open");
    one.call("failed");
    assert.equal(one.state(), "open");
    one.nowMs = 60_000;
    one.call("worked");
    one.call("worked");
    assert.equal(one.state(), "closed");
    for (let index = 0; index < 4; index++) one.call("failed");
    assert.equal(one.state(), "closed");
  });

  test("lets three trials through at a time; a place whose call never ended is given on", () => {
    const one = circuitSite();
    for (let index = 0; index < 5; index++) one.call("failed");
    one.nowMs = 30_000;
    const places = [one.enter(), one.enter(), one.enter(), one.enter()];
    assert.deepEqual(
      places.map((place) => place?.isTrial),
      [true, true, true, undefined],
    );
    one.leave(true, "neither");
    assert.ok(one.enter());
    assert.equal(one.enter(), null);
    one.nowMs = 90_001;
    assert.ok(one.enter());
  });

  test("a call from before it opened changes nothing, however it ends", () => {
    const one = circuitSite();
    const late = one.enter();
    for (let index = 0; index < 5; index++) one.call("failed");
    const before = one.circuit;
    for (const outcome of ["worked", "failed"] as const) one.leave(late?.isTrial ?? true, outcome);
    assert.equal(one.circuit, before);
    one.nowMs = 30_000;
    one.leave(false, "failed");
    one.leave(false, "worked");
    assert.equal(one.circuit, before);
  });

  test("whatever happens, no more than three trials are under way and an open one lets nothing through", () => {
    const step = fc.oneof(
      fc.record({ enter: fc.constant(true) }),
      fc.record({ leave: fc.constantFrom<CallOutcome>("worked", "failed", "neither") }),
      fc.record({ waitMs: fc.integer({ min: 0, max: 40_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const one = circuitSite();
        const under: boolean[] = [];
        for (const each of steps) {
          if ("waitMs" in each) one.nowMs += each.waitMs;
          else if ("leave" in each) {
            const isTrial = under.shift();
            if (isTrial !== undefined) one.leave(isTrial, each.leave);
          } else {
            const state = one.state();
            const admitted = one.enter();
            if (state === "open") assert.equal(admitted, null);
            if (state === "closed") assert.equal(admitted?.isTrial, false);
            if (admitted) under.push(admitted.isTrial);
          }
          assert.ok(one.circuit.trialsUntilMs.filter((untilMs) => untilMs > one.nowMs).length <= 3);
          assert.ok(one.circuit.failures <= 5 && one.circuit.successes < 2);
        }
      }),
      { numRuns: 300 },
    );
  });
});
