import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { pricedJobs, type PricedJobs } from "../../testing/priced-jobs.ts";
import type { Bench } from "../conformance.ts";

/** Costs and the limits on them. */
export function moneyPromises(bench: Bench): void {
  const kits = async (): Promise<[PricedJobs, PricedJobs]> => {
    const [first, second] = bench.sides();
    return [await pricedJobs(undefined, first.db), await pricedJobs(undefined, second.db)];
  };
  const refused = (error: unknown): null => {
    if (error instanceof Failure && error.code === "cost_limit_exceeded") return null;
    throw error;
  };

  test("of many jobs at once no more are let in than the limit has money for", async () => {
    const [first, second] = await kits();
    const provider = "race cloud";
    await first.setLimit({ provider, amountMicros: 5_000, action: "stop" });
    for (let round = 0; round < 3; round++) {
      const let_in = await Promise.all(
        Array.from({ length: 16 }, (_, turn) =>
          (turn % 2 === 0 ? first : second)
            // Of users of their own, so that nothing but the limit makes one wait for another.
            .submit({ rate: 1_000, estimateMicros: 1_000, provider, userId: `racer ${turn}` })
            .catch(refused),
        ),
      );
      const jobs = let_in.filter((job) => job !== null);
      assert.equal(jobs.length, 5);
      for (const { jobId } of jobs)
        await first.stores.jobs.change(jobId, (job) => cancelled(job.wire.status));
    }
  });

  test("of many runs that need their next slice at once no more get it than there is money for", async () => {
    const [first, second] = await kits();
    const provider = "slice cloud";
    const slice = 600_000;
    await first.setLimit({ provider, amountMicros: 11 * slice });
    const jobs: string[] = [];
    for (let count = 0; count < 8; count++) {
      const job = await first.submit({
        rate: 3_600_000,
        estimateMicros: 1,
        provider,
        userId: `runner ${count}`,
      });
      await first.start(job.jobId);
      jobs.push(job.jobId);
    }
    for (const kit of [first, second]) kit.clock.trueMs += 9.5 * 60_000;
    const running = (await first.costs.running()).filter((charge) => charge.provider === provider);
    const counted = await Promise.all(
      running.map((charge, turn) => (turn % 2 === 0 ? first : second).costs.count(charge)),
    );
    const charges = await Promise.all(jobs.map((jobId) => second.stores.charges.find(jobId)));
    const held = charges.reduce((sum, charge) => sum + (charge?.held_micros ?? 0), 0);
    assert.ok(held <= 11 * slice, `${held} of ${11 * slice} is held`);
    assert.equal(counted.filter((outcome) => outcome === "goes on").length, 3);
    for (const jobId of jobs) await first.end(jobId, { outcome: "cancelled", billedSeconds: 570 });
  });

  test("money that goes from set aside to spent is counted once at every moment", async () => {
    const [first, second] = await kits();
    const provider = "settling cloud";
    for (let round = 0; round < 25; round++) {
      const { jobId } = await first.submit({ rate: 3_600_000, estimateMicros: 100_000, provider });
      await first.start(jobId);
      await first.setLimit({
        provider,
        amountMicros: 100_000 * (round + 1),
        period: "monthly",
        action: "stop",
      });
      const [, ...extra] = await Promise.all([
        first.costs.settle(jobId, `run-${jobId}`, 100),
        ...Array.from({ length: 4 }, () =>
          second.submit({ rate: 3_600_000, estimateMicros: 100_000, provider }).catch(refused),
        ),
      ]);
      assert.deepEqual(extra, [null, null, null, null], `round ${round}`);
      await first.end(jobId, { outcome: "completed", outputUrl: null, billedSeconds: 100 });
      await first.stores.spendLimits.change({ provider, decide: () => null, by: "admin" });
    }
    const sums = await second.stores.spendLimits.sums({ provider, firstDay: "2026-11-01" });
    assert.deepEqual(sums, { spentMicros: 2_500_000, plannedMicros: 0, heldMicros: 0 });
  });

  test("days of a job are its cost, and sums by any heading are whole numbers", async () => {
    const [kit, other] = await kits();
    const { jobId } = await kit.submit({ rate: 7_200_000, provider: "day cloud", userId: "day user" });
    await kit.start(jobId);
    kit.clock.trueMs += 3_600_000;
    await kit.count();
    kit.clock.trueMs += 86_400_000;
    await kit.count();
    await kit.end(jobId, { outcome: "completed", outputUrl: null, billedSeconds: 1_800 });
    assert.equal((await kit.wire(jobId)).cost_usd, 3.6);
    assert.equal(await kit.booked(jobId), 3_600_000);
    const filter = { from: "2026-01-01", to: "2026-12-31", userId: "day user" };
    assert.deepEqual(await other.stores.costDays.total(filter), { micros: 3_600_000, jobs: 1 });
    const byProvider = await other.stores.costDays.by(filter, ["provider"]);
    assert.deepEqual(byProvider, [{ provider: "day cloud", micros: 3_600_000, jobs: 1 }]);
    const charge = await other.stores.charges.find(jobId);
    assert.deepEqual([charge?.state, charge?.micros, charge?.held_micros], ["final", 3_600_000, 0]);
    assert.deepEqual(await kit.stores.charges.openWithJobs("day user", 10), []);
  });
}

function cancelled(status: string) {
  return status === "pending" ? { wire: { status: "cancelled" as const }, events: [] } : null;
}
