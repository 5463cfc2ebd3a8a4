import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pino from "pino";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { FollowResult, Provider } from "../adapters/providers/provider.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { openStores, type Stores } from "../db/stores/open-stores.ts";
import { newJobRecord } from "../domain/job-record.ts";
import { beginWork, requestCancel } from "../domain/job-state.ts";
import { secretBox } from "../domain/sealed-secret.ts";
import { datasetPackaging } from "../services/dataset-packaging.ts";
import type { DeliverOutputs } from "../services/deliver-outputs.ts";
import { jobSnapshots } from "../services/job-snapshots.ts";
import { liveEvents } from "../services/live-events.ts";
import { receivedFiles } from "../services/received-files.ts";
import { runReports } from "../services/run-reports.ts";
import { uploadTokens } from "../services/upload-tokens.ts";
import { runDriver } from "./drive-run.ts";

const never = new AbortController().signal;
const completed: FollowResult = { outcome: "completed", outputUrl: null };
const secrets = secretBox(randomBytes(32));
let folder: string;
let stores: Stores;
let close: () => Promise<void>;
let number = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "drive run "));
  const { db, close: closeDatabase } = await openTestDatabase(folder, Date.now);
  stores = openStores(
    db,
    Date.now,
    () => undefined,
    () => undefined,
  );
  close = closeDatabase;
});
after(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

/** A driver whose provider and delivery do what the test says, over a real database. */
function driver(parts: { provider?: Partial<Provider>; deliver?: DeliverOutputs; now?: () => number }) {
  const calls: string[] = [];
  const provider: Provider = {
    id: "local",
    describe: () => assert.fail("nobody asks"),
    start: async () => {
      calls.push("start");
      return { externalId: null, hardwareType: null, trainer: "fake" };
    },
    follow: async () => completed,
    cancel: async () => {
      calls.push("cancel");
      return null;
    },
    outputFolder: () => folder,
    forget: async () => void calls.push("forget"),
    ...parts.provider,
  };
  const tokens = uploadTokens({
    store: stores.uploadTokens,
    secrets,
    baseUrl: async () => "http://127.0.0.1:1",
    drainMs: 60_000,
    now: parts.now ?? Date.now,
  });
  const drive = runDriver({
    isMine: () => true,
    ...stores,
    snapshots: jobSnapshots(stores.jobs, secrets),
    packaging: datasetPackaging([]),
    packagesFolder: join(folder, "packages"),
    uploadTokens: tokens,
    reports: runReports({ ...stores, live: liveEvents(), now: Date.now }),
    received: receivedFiles({
      jobs: stores.jobs,
      pruneCheckpoints: async () => undefined,
      now: Date.now,
      log: pino({ level: "silent" }),
    }),
    deliver: parts.deliver ?? (async () => ({ copiedFiles: 0, unnameable: [], modelUrl: "/model" })),
    findProvider: () => provider,
    costs: { begin: async () => true, started: async () => undefined, settle: async () => undefined },
    now: Date.now,
    log: pino({ level: "silent" }),
  });
  return { calls, tokens, drive: (jobId: string) => drive(jobId, never, never) };
}

/** A job that has just been taken into work. */
async function begunJob(jobType: "local" | "cloud" = "local"): Promise<string> {
  const jobId = `job-${number++}`;
  const job = newJobRecord(
    {
      jobId,
      userId: "ada",
      provider: "local",
      jobType,
      name: "a run",
      configName: null,
      modelFamily: null,
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: null,
      metadata: {},
    },
    Date.now(),
  );
  await stores.jobs.insert(job, { config: "{}", dataloader: "[]", plan: "{}" }, [], null);
  await stores.jobs.change(jobId, (record) => beginWork(record, `run-${jobId}`, Date.now()));
  return jobId;
}
const wireOf = async (jobId: string) => (await stores.jobs.find(jobId))!.wire;
const cancel = (jobId: string) => stores.jobs.change(jobId, (job) => requestCancel(job, "ada", Date.now()));

test("a finished run whose outputs find no room waits for it, says so, and completes later", async () => {
  const job = await begunJob();
  let full = true;
  const { drive, calls } = driver({
    deliver: async () => {
      if (full) throw fail("disk_full", { path: "/data", free: "0 MiB" });
      return { copiedFiles: 1, unnameable: [], modelUrl: "/model" };
    },
  });
  await assert.rejects(drive(job), /full/);
  const waiting = await wireOf(job);
  assert.deepEqual([waiting.status, waiting.error_code], ["running", "disk_full"]);
  assert.ok(!calls.includes("forget"), "its files were removed");
  full = false;
  await drive(job);
  const done = await wireOf(job);
  assert.deepEqual(
    [done.status, done.error_code, done.error_message, done.output_url],
    ["completed", null, null, "/model"],
  );
  assert.deepEqual(calls, ["start", "forget"]);
});

test("a run that waits for room to deliver can still be cancelled", async () => {
  const job = await begunJob();
  const { drive } = driver({
    deliver: () => Promise.reject(fail("disk_full", { path: "/data", free: "0" })),
  });
  await assert.rejects(drive(job));
  await cancel(job);
  await drive(job);
  assert.equal((await wireOf(job)).status, "cancelled");
});

test("an error of ours while a run is under way is no end of the run", async () => {
  const job = await begunJob();
  let broken = true;
  const { drive, calls } = driver({
    provider: {
      async follow() {
        if (broken) throw new Error("database is locked");
        return completed;
      },
    },
  });
  await assert.rejects(drive(job), /locked/);
  const seen = await wireOf(job);
  assert.deepEqual([seen.status, seen.error_message], ["running", "database is locked"]);
  broken = false;
  await drive(job);
  assert.deepEqual([(await wireOf(job)).status, (await wireOf(job)).error_message], ["completed", null]);
  assert.equal(calls.filter((call) => call === "start").length, 1);
});

test("a start that fails ends the job with its reason, after whatever it made was stopped", async () => {
  const noSpace = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  const failures: [unknown, string][] = [
    [fail("provider_unavailable", { provider: "local", reason: "no trainer" }), "provider_unavailable"],
    [noSpace, "disk_full"],
    [new TypeError("oops"), "internal"],
  ];
  for (const [error, code] of failures) {
    const job = await begunJob();
    const { drive, calls } = driver({ provider: { start: () => Promise.reject(error) } });
    await drive(job);
    const ended = await wireOf(job);
    assert.deepEqual([ended.status, ended.error_code], ["failed", code]);
    assert.deepEqual(calls, ["cancel", "forget"]);
  }
});

test("a job that is cancelled before it was handed over stops what a cut-off start may have left", async () => {
  const job = await begunJob();
  await cancel(job);
  const { drive, calls } = driver({});
  await drive(job);
  assert.equal((await wireOf(job)).status, "cancelled");
  assert.deepEqual(calls, ["cancel", "forget"]);
});

test("a run's upload credential is dead at its end on this machine, and drains after one elsewhere", async () => {
  const job = await begunJob();
  const here = driver({});
  await here.drive(job);
  assert.equal(await stores.uploadTokens.byJob(job), null);

  const remote = await begunJob("cloud");
  let ahead = 0;
  const elsewhere = driver({ now: () => Date.now() + ahead });
  await elsewhere.drive(remote);
  assert.ok((await wireOf(remote)).is_terminal);
  const [secret = "", accessKeyId = ""] = await elsewhere.tokens.secretsOf(remote);
  assert.equal((await elsewhere.tokens.findLive(accessKeyId))?.jobId, remote);
  assert.equal((await elsewhere.tokens.findByToken(secret))?.jobId, remote);
  assert.equal(await elsewhere.tokens.findByToken(`${secret.slice(0, -1)}?`), null);
  assert.equal(await elsewhere.tokens.findByToken(accessKeyId), null);
  ahead = 61_000;
  assert.equal(await elsewhere.tokens.findLive(accessKeyId), null);
  await stores.uploadTokens.removeOfJobsOverBefore(Date.now());
  assert.equal(await stores.uploadTokens.byJob(remote), null);
});

test("a report of a run that is not the job's any more is not applied", async () => {
  const job = await begunJob();
  const reports = runReports({ ...stores, live: liveEvents(), now: Date.now });
  const { drive } = driver({});
  await drive(job);
  const before_ = await wireOf(job);
  for (const runToken of ["other", `run-${job}`])
    await reports.log({
      jobId: job,
      runToken,
      text: "Training step 5/10 loss=9\n",
      position: 99,
      secrets: [],
    });
  assert.deepEqual(await wireOf(job), before_);
  assert.equal(await stores.logs.lineCount(job), 0);
});

test("a stretch of log that is reported twice is stored once", async () => {
  const job = await begunJob();
  const reports = runReports({ ...stores, live: liveEvents(), now: Date.now });
  const report = {
    jobId: job,
    runToken: `run-${job}`,
    text: "step 1/2 loss=1\nstep 2/2 loss=0.5\n",
    secrets: [],
  };
  await Promise.all([1, 2, 3].map(() => reports.log({ ...report, position: 34 })));
  assert.equal(await stores.logs.lineCount(job), 2);
  assert.deepEqual(await stores.metrics.series(job, "loss", 0, 9), { steps: [1, 2], values: [1, 0.5] });
});
