import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSetUp, type SetupState, stepsOf } from "./first-steps-state.ts";

const fresh: SetupState = {
  rented: 0,
  ownConfigs: 0,
  destinations: 0,
  limited: false,
  active: 0,
  completed: 0,
};
const done = (state: SetupState): string[] =>
  stepsOf(state)
    .filter((step) => step.done)
    .map(({ key }) => key);

describe("the first steps", () => {
  test("follow what is there, and ask for a limit only where something costs money", () => {
    assert.deepEqual(
      stepsOf(fresh).map(({ key }) => key),
      ["job", "images", "rent", "results"],
    );
    assert.deepEqual(done(fresh), []);
    const later = { ...fresh, rented: 1, destinations: 2, completed: 3 };
    assert.deepEqual(done(later), ["job", "rent", "results"]);
    assert.equal(stepsOf(later).at(-1)?.key, "limit");
    assert.deepEqual(done({ ...later, limited: true }), ["job", "rent", "results", "limit"]);
  });

  test("a job that runs is under way and not done", () => {
    const [job] = stepsOf({ ...fresh, active: 1 });
    assert.deepEqual([job?.done, job?.active], [false, true]);
  });

  test("are over with a finished job and own images, whatever else is left", () => {
    assert.equal(isSetUp(stepsOf({ ...fresh, completed: 1 })), false);
    assert.equal(isSetUp(stepsOf({ ...fresh, completed: 1, ownConfigs: 1 })), true);
  });

  test("leave out what the user may not set up", () => {
    const keys = stepsOf({ ...fresh, rented: null, destinations: null, limited: null }).map(({ key }) => key);
    assert.deepEqual(keys, ["job", "images"]);
  });
});
