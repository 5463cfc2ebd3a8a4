import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bench } from "../conformance.ts";
import { onBoth } from "./job-promises.ts";
import { insertJob } from "./made-jobs.ts";

/** Settings, keys and tokens. */
export function settingPromises(bench: Bench): void {
  const { sides } = bench;
  test("settings are changed together or not at all, by whoever is last", async () => {
    const [{ stores }, other] = sides();
    assert.equal(await stores.settings.get("backupKeepDays"), 30);
    await onBoth(bench, 12, (side, turn) =>
      side.stores.settings.set({ backupKeepDays: turn + 1, backupEveryHours: turn + 1 }),
    );
    const days = await other.stores.settings.get("backupKeepDays");
    assert.equal(await other.stores.settings.get("backupEveryHours"), days);
    await stores.settings.set({ backupEveryHours: null });
    assert.equal(await other.stores.settings.get("backupEveryHours"), null);
  });

  test("each change of a provider's settings is made on what the last one left", async () => {
    await onBoth(bench, 16, (side) =>
      side.stores.storedProviderSettings.change("cloud", "ada", async ({ values }) => ({
        values: { ...values, count: String(Number((values as { count?: string }).count ?? 0) + 1) } as never,
        events: [],
      })),
    );
    const stored = await sides()[1].stores.storedProviderSettings.get("cloud");
    assert.deepEqual([stored.version, (stored.values as { count?: string }).count], [16, "16"]);
    assert.equal(typeof stored.updatedAtMs, "number");
  });

  test("a job has one upload credential, which goes some time after its end", async () => {
    const [{ stores }, other] = sides();
    const jobId = await insertJob(stores);
    const token = { accessKeyId: "AKIAone", jobId, sealedSecret: "s".repeat(400) };
    const made = await onBoth(bench, 6, (side, turn) =>
      side.stores.uploadTokens.insert({ ...token, accessKeyId: `${token.accessKeyId}${turn}` }).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(made.filter(Boolean).length, 1);
    const found = await other.stores.uploadTokens.byJob(jobId);
    assert.equal(
      (await other.stores.uploadTokens.byAccessKey(found?.accessKeyId ?? ""))?.completedAtMs,
      null,
    );
    await stores.uploadTokens.removeOfJobsOverBefore(Date.now() + 1_000);
    assert.notEqual(await other.stores.uploadTokens.byJob(jobId), null);
    await stores.jobs.change(jobId, () => ({
      wire: { status: "cancelled", completed_at: new Date(5_000).toISOString() },
      events: [],
    }));
    await stores.uploadTokens.removeOfJobsOverBefore(5_000);
    assert.notEqual(await other.stores.uploadTokens.byJob(jobId), null);
    await stores.uploadTokens.removeOfJobsOverBefore(5_001);
    assert.equal(await other.stores.uploadTokens.byJob(jobId), null);
  });

  test("storage keys of people are listed oldest first and remember their last use", async () => {
    const [{ stores }, other] = sides();
    const key = {
      user_id: "key user",
      name: "n",
      access: "read",
      sealed_secret: "s",
      last_used_at: null,
      expires_at: null,
    };
    for (const at of [2, 1])
      await stores.storageKeys.insert({ ...key, access_key_id: `K${at}`, created_at: at });
    const listed = await other.stores.storageKeys.list("key user");
    assert.deepEqual(
      listed.map(({ access_key_id, created_at }) => [access_key_id, created_at]),
      [
        ["K1", 1],
        ["K2", 2],
      ],
    );
    const [first] = listed;
    if (first) await stores.storageKeys.markUsed(first);
    assert.equal(typeof (await other.stores.storageKeys.find("K1"))?.last_used_at, "number");
    await stores.storageKeys.remove("K1");
    assert.equal(await other.stores.storageKeys.find("K1"), null);
  });
}
