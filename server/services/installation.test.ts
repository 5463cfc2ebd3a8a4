import assert from "node:assert/strict";
import { test } from "node:test";
import { pricedJobs } from "../testing/priced-jobs.ts";
import { installationId } from "./installation.ts";
import { settleRestoredJobs } from "./restored-jobs.ts";

test("an installation keeps its id, its replicas share it, and a restored copy is another one", async (t) => {
  const kit = await pricedJobs();
  t.after(kit.close);
  const id = installationId(kit.stores.settings);
  const [first, second] = await Promise.all([id(), id()]);
  assert.match(first, /^[0-9a-f]{16}$/);
  assert.equal(second, first);
  assert.equal(await installationId(kit.stores.settings)(), first);
  await settleRestoredJobs({ ...kit.stores, now: kit.now }, "backup-1");
  const copy = await id();
  assert.notEqual(copy, first);
  assert.equal(await id(), copy);
});
