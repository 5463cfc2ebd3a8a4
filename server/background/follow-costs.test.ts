import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import pino from "pino";
import type { FollowResult, Provider, RunRequest } from "../adapters/providers/provider.ts";
import { costMicros } from "../domain/cost.ts";
import { beginWork } from "../domain/job-state.ts";
import { secretBox } from "../domain/sealed-secret.ts";
import { datasetPackaging } from "../services/dataset-packaging.ts";
import { jobSnapshots } from "../services/job-snapshots.ts";
import { liveEvents } from "../services/live-events.ts";
import { receivedFiles } from "../services/received-files.ts";
import { runReports } from "../services/run-reports.ts";
import { uploadTokens } from "../services/upload-tokens.ts";
import { pricedJobs, type PricedJobs } from "../testing/priced-jobs.ts";
import { eventually } from "../testing/trainer-scripts.ts";
import { runDriver } from "./drive-run.ts";
import { followCosts } from "./follow-costs.ts";

const rate = 5_490_000;
const minute = 60_000;
const log = pino({ level: "silent" });
const secrets = secretBox(randomBytes(32));

describe("following costs", () => {
  let folder: string;
  let kit: PricedJobs;
  let stopping: AbortController;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "follow costs "));
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    kit = await pricedJobs();
    stopping = new AbortController();
  });
  afterEach(async () => {
    stopping.abort();
    await kit.close();
  });

  /** A provider with a price whose runs end when the test says, or when they are cancelled. */
  function cloud(more: Partial<Provider> = {}) {
    const requests: RunRequest[] = [];
    let finish: (result: FollowResult) => void = () => undefined;
    const ended = new Promise<FollowResult>((resolve) => (finish = resolve));
    const provider: Provider = {
      id: "cloud",
      describe: () => assert.fail("nobody asks"),
      start: async (request) => {
        requests.push(request);
        return { externalId: "prediction", hardwareType: null, trainer: "fake" };
      },
      follow: (_run, _from, _reporter, signal) =>
        Promise.race([
          ended,
          new Promise<never>((_, reject) =>
            signal.addEventListener("abort", () => reject(new Error("stopped"))),
          ),
        ]),
      cancel: async () => {
        finish({ outcome: "cancelled" });
        return null;
      },
      outputFolder: () => null,
      forget: async () => undefined,
      ...more,
    };
    const drive = runDriver({
      isMine: () => true,
      ...kit.stores,
      costs: kit.costs,
      snapshots: jobSnapshots(kit.stores.jobs, secrets),
      packaging: datasetPackaging([]),
      packagesFolder: join(folder, "packages"),
      uploadTokens: uploadTokens({
        store: kit.stores.uploadTokens,
        secrets,
        baseUrl: async () => "http://127.0.0.1:1",
        drainMs: 0,
        now: kit.now,
      }),
      reports: runReports({ ...kit.stores, live: liveEvents(), now: kit.now }),
      received: receivedFiles({
        jobs: kit.stores.jobs,
        pruneCheckpoints: async () => undefined,
        now: kit.now,
        log,
      }),
      deliver: async () => ({ copiedFiles: 0, unnameable: [], modelUrl: null }),
      findProvider: () => provider,
      now: kit.now,
      log,
    });
    return { requests, finish, drive };
  }
  const begun = async (): Promise<string> => {
    const { jobId } = await kit.submit({ rate, estimateMicros: 1 });
    await kit.stores.jobs.change(jobId, (job) => beginWork(job, `run-${jobId}`, kit.now()));
    return jobId;
  };
  const running = (jobId: string) =>
    eventually("the start", async () => (await kit.wire(jobId)).status === "running");

  test("a run beyond its budget is stopped through the provider, and the job says why", async () => {
    await kit.setLimit({ amountMicros: costMicros(rate, 15 * minute) });
    const jobId = await begun();
    const { drive, requests } = cloud();
    const cancelled = new AbortController();
    const driven = drive(jobId, stopping.signal, cancelled.signal);
    await running(jobId);
    assert.equal(requests[0]?.hardware, "gpu");
    const stops: string[] = [];
    const follower = followCosts({
      costs: kit.costs,
      stopRun: (id) => {
        stops.push(id);
        cancelled.abort();
      },
      log,
      stopping: stopping.signal,
    });
    kit.clock.trueMs += 5 * minute;
    await follower.runOnce();
    assert.deepEqual(stops, []);
    assert.equal((await kit.wire(jobId)).cost_usd, costMicros(rate, 5 * minute) / 1e6);
    kit.clock.trueMs += 4.5 * minute;
    await follower.runOnce();
    await driven;
    assert.deepEqual(stops, [jobId]);
    const wire = await kit.wire(jobId);
    assert.deepEqual([wire.status, wire.error_code], ["cancelled", "budget_exhausted"]);
    assert.equal(wire.cost_usd, costMicros(rate, 9.5 * minute) / 1e6);
    const events = await kit.stores.events.ofJob(jobId, 0, 100);
    const asked = events.find(({ type }) => type === "job.cancel_requested");
    assert.match(String(asked?.data["reason"]), /budget/);
  });

  test("a budget without room ends the job before the provider hears of it", async () => {
    const jobId = await begun();
    await kit.setLimit({ amountMicros: costMicros(rate, 9 * minute) });
    const { drive, requests } = cloud();
    await drive(jobId, stopping.signal, new AbortController().signal);
    const wire = await kit.wire(jobId);
    assert.deepEqual([wire.status, wire.error_code, wire.cost_usd], ["failed", "budget_exhausted", 0]);
    assert.equal(requests.length, 0);
    const charge = await kit.stores.charges.find(jobId);
    assert.deepEqual([charge?.state, charge?.held_micros], ["final", 0]);
  });

  test("the time that the provider bills is what the job cost, however long it was followed", async () => {
    const jobId = await begun();
    const { drive, finish } = cloud();
    const driven = drive(jobId, stopping.signal, new AbortController().signal);
    await running(jobId);
    kit.clock.trueMs += 30 * minute;
    await followCosts({ costs: kit.costs, stopRun: assert.fail, log, stopping: stopping.signal }).runOnce();
    finish({ outcome: "completed", outputUrl: "/model", billedSeconds: 61.5 });
    await driven;
    assert.equal((await kit.wire(jobId)).cost_usd, costMicros(rate, 61_500) / 1e6);
    assert.equal(await kit.booked(jobId), costMicros(rate, 61_500));
  });

  test("one job whose cost cannot be counted does not keep the others from it", async () => {
    const told: unknown[] = [];
    const [bad, good] = [await begun(), await begun()];
    for (const jobId of [bad, good]) await kit.start(jobId);
    const follower = followCosts({
      costs: {
        running: kit.costs.running,
        count: (charge) =>
          charge.job_id === bad ? Promise.reject(new Error("locked")) : kit.costs.count(charge),
      },
      stopRun: assert.fail,
      log: { warn: (...parts: unknown[]) => void told.push(parts) },
      stopping: stopping.signal,
    });
    kit.clock.trueMs += minute;
    await follower.runOnce();
    assert.equal(told.length, 1);
    assert.equal((await kit.wire(good)).cost_usd, costMicros(rate, minute) / 1e6);
  });
});
