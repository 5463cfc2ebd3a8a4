import assert from "node:assert/strict";
import { test } from "node:test";
import { failureKind } from "./failure-kind.ts";

const kindOf = (code: string | null, message: string | null) =>
  failureKind({ error_code: code, error_message: message });

test("a failure without words is of no known kind", () => {
  assert.equal(kindOf(null, null), "other");
  assert.equal(kindOf("internal", "dataset config provider lost"), "other");
});

test("words of a trainer's message do not mislead", () => {
  assert.equal(kindOf("trainer_failed", "KeyError: 'config' while reading dataset"), "trainer");
});

test("lack of memory and of disk are recognised wherever they stand", () => {
  assert.equal(kindOf("trainer_failed", "CUDA out of memory. Tried to allocate 2 GiB"), "memory");
  assert.equal(kindOf("trainer_killed", "JavaScript heap out of memory"), "memory");
  assert.equal(kindOf("disk_full", null), "disk");
  assert.equal(kindOf("trainer_failed", "ENOSPC: no space left on device"), "disk");
});

test("codes of the server", () => {
  assert.equal(kindOf("trainer_killed", "Training was ended by signal 9."), "killed");
  assert.equal(kindOf("consent_stale", null), "consent");
  assert.equal(kindOf("dataset_changed", null), "dataset");
  assert.equal(kindOf("config_invalid", "max_train_steps: must be a number"), "config");
  assert.equal(kindOf("run_lost", "The run was lost three times"), "lost");
  assert.equal(kindOf("provider_unavailable", "no"), "provider");
});
