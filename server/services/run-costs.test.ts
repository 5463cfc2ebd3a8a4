import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { costMicros } from "../domain/cost.ts";
import { beginWork, requestCancel } from "../domain/job-state.ts";
import { pricedJobs, type PricedJobs } from "../testing/priced-jobs.ts";

const rate = 5_490_000;
const minute = 60_000;
const dollar = 1_000_000;
const completed = { outcome: "completed", outputUrl: null } as const;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof Failure ? error.code : String(error)),
  );

describe("what runs cost", () => {
  let kit: PricedJobs;
  beforeEach(async () => {
    kit = await pricedJobs();
  });
  afterEach(() => kit.close());
  const cost = async (jobId: string) => Math.round(((await kit.wire(jobId)).cost_usd ?? Number.NaN) * 1e6);
  const chargeOf = async (jobId: string) => {
    const charge = await kit.stores.charges.find(jobId);
    assert.ok(charge);
    return charge;
  };

  test("two submits at once cannot both pass a limit that only one of them fits", async () => {
    await kit.setLimit({ amountMicros: 10 * dollar, action: "block" });
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => codeOf(kit.submit({ rate, estimateMicros: 3 * dollar }))),
    );
    assert.deepEqual(answers.sort(), [
      "cost_limit_exceeded",
      "cost_limit_exceeded",
      "cost_limit_exceeded",
      "done",
      "done",
      "done",
    ]);
    const jobs = await kit.db.selectFrom("jobs").select("id").execute();
    assert.equal(jobs.length, 3, "a refused job left something behind");
  });

  test("a refusal says what is spent, what is set aside, the limit and when it starts again", async () => {
    await kit.setLimit({ amountMicros: 2 * dollar, action: "require_approval" });
    await kit.submit({ rate, estimateMicros: 1.5 * dollar });
    await assert.rejects(kit.submit({ rate, estimateMicros: dollar }), {
      code: "cost_limit_exceeded",
      message:
        "This job may cost $1.00, which the monthly limit of $2.00 does not allow: $0.00 is spent and $1.50 is set aside for jobs that are not over. The limit starts again on 2026-12-01 at 00:00 UTC; wait until then or have it raised.",
    });
  });

  test("a limit that only warns lets the job through and says so; another provider's does not matter", async () => {
    await kit.setLimit({ amountMicros: dollar, action: "warn" });
    await kit.setLimit({ amountMicros: 1, action: "block", provider: "elsewhere" });
    const { warning } = await kit.submit({ rate, estimateMicros: 2 * dollar });
    assert.match(warning ?? "", /\$2\.00.*monthly limit of \$1\.00/);
    assert.equal((await kit.submit({ rate: 0 })).warning, null);
    assert.equal(await codeOf(kit.submit({ rate, provider: "elsewhere" })), "cost_limit_exceeded");
  });

  test("a cancelled waiting job frees what was set aside for it", async () => {
    await kit.setLimit({ amountMicros: 3 * dollar, action: "block" });
    const { jobId } = await kit.submit({ rate, estimateMicros: 3 * dollar });
    assert.equal(await codeOf(kit.submit({ rate, estimateMicros: dollar })), "cost_limit_exceeded");
    await kit.stores.jobs.change(jobId, (job) => requestCancel(job, "ada", kit.now()));
    assert.equal((await chargeOf(jobId)).state, "final");
    assert.equal(await codeOf(kit.submit({ rate, estimateMicros: dollar })), "done");
  });

  test("cost grows with the run, on the job and in the books, without drift", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    for (let second = 0; second < 3_600; second += 15) {
      kit.clock.trueMs += 15_000;
      await kit.count();
    }
    assert.equal(await cost(jobId), rate);
    assert.equal(await kit.booked(jobId), rate);
    kit.clock.trueMs += 7_000;
    await kit.end(jobId, completed);
    assert.equal(await cost(jobId), costMicros(rate, 3_607_000));
    assert.equal(await kit.booked(jobId), await cost(jobId));
    const { state, held_micros, planned_micros } = await chargeOf(jobId);
    assert.deepEqual([state, held_micros, planned_micros], ["final", 0, 0]);
  });

  test("the end is counted exactly once, whoever reports it again and however late", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    kit.clock.trueMs += 5 * minute;
    const [stale] = await kit.costs.running();
    assert.ok(stale);
    await kit.costs.settle(jobId, `run-${jobId}`, null);
    kit.crash();
    kit.clock.trueMs += 60 * minute;
    // The server was killed between counting and writing the job's end: the run is followed and ends again.
    assert.equal(await kit.costs.count(stale), "goes on");
    await kit.end(jobId, completed);
    await kit.end(jobId, completed);
    await kit.costs.settle(jobId, `run-${jobId}`, 1);
    assert.equal(await cost(jobId), costMicros(rate, 5 * minute));
    assert.equal(await kit.booked(jobId), await cost(jobId));
  });

  test("time goes on while the server is down, and not backwards with the clock", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    kit.clock.trueMs += minute;
    await kit.count();
    kit.crash();
    kit.clock.trueMs += 4 * minute;
    kit.clock.skewMs = -86_400_000;
    await kit.count();
    assert.equal(await cost(jobId), costMicros(rate, 5 * minute));
    // After a restart of the machine only the wall clock is left to ask.
    kit.clock.bootId = "another";
    kit.clock.trueMs += minute;
    await kit.count();
    assert.equal(await cost(jobId), costMicros(rate, 6 * minute));
    kit.clock.bootId = "a third";
    kit.clock.skewMs -= 86_400_000;
    await kit.count();
    assert.equal(await cost(jobId), costMicros(rate, 6 * minute));
  });

  test("the provider's own time stands in the end, and days are corrected from the newest back", async () => {
    kit.clock.trueMs = Date.parse("2026-11-10T23:50:00Z");
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    for (let round = 0; round < 4; round++) {
      kit.clock.trueMs += 5 * minute;
      await kit.count();
    }
    await kit.end(jobId, { ...completed, billedSeconds: 300 });
    assert.equal(await cost(jobId), costMicros(rate, 5 * minute));
    const filter = { from: "2026-11-01", to: "2026-11-30", userId: null };
    const days = (await kit.stores.costDays.by(filter, ["day"])).filter(({ micros }) => micros > 0);
    assert.deepEqual(
      days.map(({ day, micros }) => [day, micros]),
      [["2026-11-10", costMicros(rate, 5 * minute)]],
    );
  });

  test("a run that was lost is paid for, and so is the next attempt", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    kit.clock.trueMs += 3 * minute;
    await kit.costs.settle(jobId, `run-${jobId}`, null);
    await kit.stores.jobs.change(jobId, () => ({ private: { runToken: "second" }, events: [] }));
    const fresh = await kit.costs.begin(jobId, "second");
    await kit.db.transaction().execute((transaction) => kit.costs.started(transaction, jobId, fresh));
    kit.clock.trueMs += 2 * minute;
    // A late report of the first run changes nothing any more.
    await kit.costs.settle(jobId, `run-${jobId}`, 9_999);
    await kit.end(jobId, { ...completed, billedSeconds: 60 }, "second");
    assert.equal(await cost(jobId), costMicros(rate, 4 * minute));
  });

  test("a start that was cut off counts from its beginning, because it may have got through", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.stores.jobs.change(jobId, (job) => beginWork(job, "one", kit.now()));
    assert.equal(await kit.costs.begin(jobId, "one"), true);
    kit.crash();
    kit.clock.trueMs += minute;
    assert.equal(await kit.costs.begin(jobId, "one"), false);
    await kit.db.transaction().execute((transaction) => kit.costs.started(transaction, jobId, false));
    await kit.costs.settle(jobId, "one", null);
    assert.equal(await cost(jobId), costMicros(rate, minute));
  });

  test("money of a deleted job stays spent", async () => {
    const { jobId } = await kit.submit({ rate });
    await kit.start(jobId);
    kit.clock.trueMs += 60 * minute;
    await kit.end(jobId, completed);
    const job = await kit.stores.jobs.find(jobId);
    assert.ok(job && (await kit.stores.jobs.remove(job)));
    assert.equal(await kit.booked(jobId), rate);
    await kit.setLimit({ amountMicros: rate, action: "block" });
    assert.equal(await codeOf(kit.submit({ rate, estimateMicros: 1 })), "cost_limit_exceeded");
  });

  test("a hard budget without room for a slice refuses the start; one that was reached stops the run and says why", async () => {
    const slice = costMicros(rate, 10 * minute);
    await kit.setLimit({ amountMicros: 2 * slice + 1 });
    const { jobId } = await kit.submit({ rate, estimateMicros: slice });
    await kit.start(jobId);
    const other = await kit.submit({ rate, estimateMicros: slice });
    // Both were let in; the limit is lowered before the second starts.
    await kit.setLimit({ amountMicros: 2 * slice - 1 });
    assert.equal(await codeOf(kit.start(other.jobId)), "budget_exhausted");
    const stops: number[] = [];
    for (let second = 0; second < 1_200 && stops.length === 0; second += 15) {
      kit.clock.trueMs += 15_000;
      if ((await kit.count()).length > 0) stops.push(second + 15);
    }
    // One slice was held; the next did not fit, so it is stopped within the last minute of what is paid.
    assert.deepEqual(stops, [555]);
    assert.equal((await kit.wire(jobId)).cancel_requested, true);
    await kit.end(jobId, { outcome: "cancelled" });
    const wire = await kit.wire(jobId);
    assert.deepEqual([wire.status, wire.error_code], ["cancelled", "budget_exhausted"]);
    assert.match(wire.error_message ?? "", /monthly budget of \$1\.83 .* \$0\.85 is spent/);
    assert.ok((await cost(jobId)) <= slice);
  });
});
