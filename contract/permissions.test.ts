import assert from "node:assert/strict";
import { test } from "node:test";
import { callerMay, type Permission } from "./permissions.ts";

const may = (grant: string, permission: Permission): boolean => callerMay({ grants: [grant] }, permission);

test("a grant covers itself, what its wildcard names, and one's own where it covers all", () => {
  assert.ok(may("job.view.own", "job.view.own"));
  assert.ok(may("*", "admin.config"));
  assert.ok(may("job.*", "job.cancel.all"));
  assert.ok(may("job.view.all", "job.view.own"));
});

test("a grant covers nothing else", () => {
  assert.ok(!may("job.view.own", "job.view.all"));
  assert.ok(!may("job.view.all", "job.cancel.own"));
  assert.ok(!may("job.*", "config.view"));
  assert.ok(!may("job*", "job.submit"));
  assert.ok(!may("queue.view", "queue.view.all"));
  assert.ok(!callerMay({ grants: [] }, "job.submit"));
});
