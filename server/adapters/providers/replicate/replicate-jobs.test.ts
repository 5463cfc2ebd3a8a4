import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import {
  type ReplicateEmulator,
  startReplicateEmulator,
} from "../../../../e2e/replicate-emulator/emulator.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../../../testing/test-server.ts";
import { startServerProcess } from "../../../testing/server-process.ts";
import { eventually } from "../../../testing/trainer-scripts.ts";

describe("jobs at Replicate, through a whole server", () => {
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let dataloader: Record<string, unknown>[];

  beforeEach(async () => {
    emulator = await startReplicateEmulator({ predictor: "unpacks" });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_DATASETS: "archive",
      },
    });
    ({ dataloader } = await makeDataset(server.folder));
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  });
  afterEach(async () => {
    await server.close();
    await emulator.close();
  });

  async function submit(config: Record<string, unknown> = {}): Promise<string> {
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
      query: {},
      body: {
        provider: "replicate",
        config: { max_train_steps: 8, model_family: "flux", ...config },
        dataloader_config: dataloader,
      },
    });
    return job_id;
  }
  const ended = (id: string): Promise<Job> =>
    waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 40_000);
  const logOf = async (id: string): Promise<string[]> => {
    const { lines } = await server.call("GET /api/cloud/jobs/{job_id}/logs", {
      params: { job_id: id },
      query: {},
    });
    return lines.map(({ text }) => text);
  };

  test("submitted, uploaded, trained, delivered; nothing is left at Replicate or here", async () => {
    const id = await submit();
    const job = await ended(id);
    assert.deepEqual([job.status, job.error_message, job.attempt], ["completed", null, 1]);
    assert.match(job.output_url ?? "", /pytorch_lora_weights\.safetensors$/);
    const model = await fetch(server.url + job.output_url, { headers: { "x-test-user": "local" } });
    assert.equal(model.status, 200);
    assert.ok((await model.arrayBuffer()).byteLength > 100);
    const log = await logOf(id);
    assert.deepEqual(log.filter((line) => /^Training step \d+\/8 loss/.test(line)).length, 8, log.join("\n"));
    assert.equal(log.at(-1), "Saved the model");
    assert.equal(emulator.predictions.length, 1);
    await eventually("the uploaded file's removal", () => emulator.files.size === 0);
    await nothingLeft();
  });

  test("the token is in no answer, log, event, file or line of the log", async () => {
    const id = await submit({ hub_token: "hf_secret_of_ada" });
    await ended(id);
    const params = { job_id: id };
    const { token } = emulator;
    const told = JSON.stringify([
      await server.call("GET /api/cloud/jobs/{job_id}", { params }),
      await server.call("GET /api/cloud/jobs/{job_id}/events", { params }),
      await logOf(id),
      await server.call("GET /api/cloud/providers", {}),
    ]);
    assert.ok(!told.includes(token));
    for (const path of await filesBelow(server.stateDir))
      assert.ok(!(await readFile(path)).includes(token), `${path} holds the token`);
    assert.ok(
      emulator.calls.every(
        ({ headers }) => headers.authorization === undefined || headers.authorization === `Bearer ${token}`,
      ),
    );
    assert.ok(!JSON.stringify(emulator.predictions.map(({ input }) => input)).includes(token));
  });

  test("offered with its hardware and prices; without a token shown as not set up, and no job is taken", async () => {
    const { providers } = await server.call("GET /api/cloud/providers", {});
    const replicate = providers.find((each) => each.id === "replicate");
    assert.deepEqual([replicate?.configured, replicate?.unavailable_reason], [true, null]);
    assert.equal(replicate?.hardware[0]?.cost_per_hour_usd, 5.49);
    for (const name of ["l40s-x2", "L40S_X2", "2xl40s", "advanced-trainer-l40s-x2"]) {
      const estimate = await server.call("POST /api/cloud/cost-estimate", {
        body: { provider: "replicate", hardware_profile: name },
      });
      assert.deepEqual([estimate.hardware, estimate.cost_per_hour_usd], ["l40s-x2", 6.999998], name);
    }
    const bare = await startTestServer({ env: { REPLICATE_API_TOKEN: "" } });
    try {
      const list = await bare.call("GET /api/cloud/providers", {});
      const shown = list.providers.find((each) => each.id === "replicate");
      assert.equal(shown?.configured, false);
      const body = { provider: "replicate", config: { max_train_steps: 1 }, dataloader_config: dataloader };
      await assert.rejects(bare.call("POST /api/cloud/jobs/submit", { body }), /REPLICATE_API_TOKEN/);
    } finally {
      await bare.close();
    }
  });

  test("cancelled during the upload: no prediction is made, nothing stays at Replicate", async () => {
    emulator.faults.set("upload", "slow");
    const id = await submit();
    await eventually("the upload", () => emulator.calls.some(({ operation }) => operation === "upload"));
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: id } });
    assert.equal((await ended(id)).status, "cancelled");
    assert.equal(emulator.predictions.length, 0);
    await nothingLeft();
  });

  test("cancelled while it trains", async () => {
    emulator.behaviour.trainMs = 60_000;
    const id = await submit();
    await waitForJob(server.call, id, ({ status, progress }) => status === "running" && progress !== null);
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: id } });
    assert.equal((await ended(id)).status, "cancelled");
    assert.notEqual(emulator.predictions[0]?.canceledAtMs, null);
    await nothingLeft();
  });

  test("the server stops and starts again while it trains: the same prediction, each line once", async () => {
    emulator.behaviour.trainMs = 6_000;
    const id = await submit();
    const begun = await waitForJob(server.call, id, ({ progress }) => (progress?.step ?? 0) > 0);
    assert.equal(begun.status, "running");
    await server.restart();
    const job = await ended(id);
    assert.deepEqual([job.status, job.attempt, emulator.predictions.length], ["completed", 1, 1]);
    const steps = (await logOf(id)).filter((line) => /^Training step \d+\/8 loss/.test(line));
    assert.deepEqual(
      steps.map((line) => line.split(" ")[2]),
      Array.from({ length: 8 }, (_, i) => `${i + 1}/8`),
    );
  });

  test("the server stops while the answer of creating is under way or lost: one prediction, found again", async () => {
    for (const fault of ["slow", "lost"] as const) {
      emulator.predictions.length = 0;
      emulator.calls.length = 0;
      emulator.faults.set("create", fault);
      const id = await submit();
      await eventually("the request", () => emulator.calls.some(({ operation }) => operation === "create"));
      await server.restart();
      const job = await ended(id);
      assert.deepEqual([fault, job.status, emulator.predictions.length], [fault, "completed", 1]);
    }
  });

  test("several jobs with a fault at each step: each completes with one prediction, and the costs agree", async () => {
    emulator.faults.set("upload", "500");
    emulator.faults.set("create", "lost");
    emulator.faults.set("get", "429");
    emulator.faults.set("get", "500");
    emulator.faults.set("output", "lost");
    emulator.faults.set("deleteFile", "429-header");
    const ids = await Promise.all([submit(), submit(), submit()]);
    let billed = 0;
    for (const id of ids) {
      const job = await ended(id);
      assert.deepEqual([job.status, job.error_message], ["completed", null]);
      billed += job.cost_usd ?? 0;
    }
    assert.equal(emulator.predictions.length, 3);
    assert.ok(Math.abs(billed - emulator.billedNanoUsd() / 1e9) < 0.01, `${billed}`);
  });

  test("cancelled at Replicate before it started: it costs nothing, however long it waited", async () => {
    Object.assign(emulator.behaviour, { startMs: 60_000, fateOf: () => ({ canceledAfterMs: 1_500 }) });
    const job = await ended(await submit());
    assert.deepEqual([job.status, job.cost_usd, emulator.billedNanoUsd()], ["cancelled", 0, 0]);
  });

  test("cancelled while nobody knows yet that the prediction was made: it is stopped, and costs what is billed", async () => {
    Object.assign(emulator.behaviour, { startMs: 0, trainMs: 60_000 });
    emulator.faults.set("create", "lost");
    const id = await submit();
    await eventually("the prediction", () => emulator.predictions.length === 1);
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: id } });
    const job = await ended(id);
    assert.equal(job.status, "cancelled");
    const billed = emulator.billedNanoUsd() / 1e9;
    assert.ok(billed > 0 && Math.abs((job.cost_usd ?? 0) - billed) < 2e-6, `${job.cost_usd} for ${billed}`);
    await nothingLeft();
  });

  test("a training that fails, and credit that is missing, are told on the job", async () => {
    emulator.behaviour.failure = "CUDA out of memory";
    const job = await ended(await submit());
    assert.deepEqual([job.status, job.error_code], ["failed", "trainer_failed"]);
    assert.match(job.error_message ?? "", /CUDA out of memory/);
  });

  async function nothingLeft(): Promise<void> {
    await eventually("no uploaded file", () => emulator.files.size === 0);
    const jobs = join(server.stateDir, "cloud", "jobs");
    await eventually("an empty jobs folder", async () => (await readdir(jobs).catch(() => [])).length === 0);
  }
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("a server that is killed while its job is at Replicate", () => {
  test("at any moment between submit and end: exactly one prediction, one completion, each line once", async () => {
    const emulator = await startReplicateEmulator({ trainMs: 800, predictor: "unpacks" });
    const folder = await mkdtemp(join(tmpdir(), "replicate crash "));
    const env = {
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      REPLICATE_API_TOKEN: emulator.token,
      REPLICATE_BASE_URL: emulator.baseUrl,
      REPLICATE_DATASETS: "archive",
    };
    let server = await startServerProcess(env);
    try {
      const { dataloader } = await makeDataset(folder);
      await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
      // Moments that matter: while uploading, between request and answer, while training, while outputs come.
      for (const moment of ["upload", "create", "get", "output"] as const) {
        emulator.predictions.length = 0;
        emulator.calls.length = 0;
        emulator.faults.set(moment, "slow");
        const body = { provider: "replicate", config: { max_train_steps: 3 }, dataloader_config: dataloader };
        const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
        await eventually(moment, () => emulator.calls.some(({ operation }) => operation === moment));
        await server.kill();
        server = await startServerProcess(env);
        const job = await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal, 40_000);
        assert.deepEqual([moment, job.status, job.error_message], [moment, "completed", null]);
        assert.equal(emulator.predictions.length, 1, moment);
        assert.match(job.output_url ?? "", /safetensors$/);
        const { lines } = await server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id } });
        assert.equal(lines.filter(({ text }) => /step \d\/3 loss/.test(text)).length, 3, moment);
        await eventually("no uploaded file", () => emulator.files.size === 0);
      }
    } finally {
      await server.kill();
      await emulator.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
