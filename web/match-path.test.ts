import assert from "node:assert/strict";
import { test } from "node:test";
import { matchPath } from "./match-path.ts";

test("paths match part by part and parameters are decoded", () => {
  assert.deepEqual(matchPath("/jobs", "/jobs"), {});
  assert.deepEqual(matchPath("/jobs/:id", "/jobs/a%20b"), { id: "a b" });
  assert.equal(matchPath("/jobs/:id", "/jobs"), null);
  assert.equal(matchPath("/jobs/:id", "/jobs/a/b"), null);
  assert.equal(matchPath("/jobs/new", "/jobs/old"), null);
});

test("a broken escape is taken as it stands instead of breaking the page", () => {
  assert.deepEqual(matchPath("/jobs/:id", "/jobs/%zz"), { id: "%zz" });
});
