import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type ReplicateEmulator, startReplicateEmulator } from "../../e2e/replicate-emulator/emulator.ts";
import type { StoredPrediction } from "../../e2e/replicate-emulator/prediction-life.ts";
import { statePaths } from "../config/state-paths.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";

describe("runs that were started elsewhere", () => {
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let own: StoredPrediction;

  beforeEach(async () => {
    emulator = await startReplicateEmulator({ startMs: 20, trainMs: 100, predictor: "unpacks" });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_DATASETS: "archive",
      },
    });
    const { dataloader } = await makeDataset(server.folder);
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const config = { max_train_steps: 4, model_family: "flux" };
    const body = { provider: "replicate", config, dataloader_config: dataloader };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    await ended(job_id);
    own = emulator.predictions.at(-1)!;
  });
  afterEach(async () => {
    await server.close();
    await emulator.close();
  });

  const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 30_000);
  const sync = async () => (await server.call("POST /api/cloud/jobs/sync")).synced;
  const named = async (q: string) => (await server.call("GET /api/cloud/jobs", { query: { q } })).jobs;
  /** A prediction of the same account that this server did not start. */
  function elsewhere(name: string, more: Partial<StoredPrediction> = {}): StoredPrediction {
    const prediction: StoredPrediction = {
      ...own,
      id: `elsewhere${emulator.predictions.length}`,
      input: { config_json: JSON.stringify({ model_family: "sdxl", tracker_run_name: name }) },
      createdAtMs: Date.now(),
      says: "https://huggingface.co/ada/model",
      ...more,
    };
    emulator.predictions.push(prediction);
    return prediction;
  }
  const bookedDays = (jobId: string): Record<string, unknown>[] => {
    const db = new DatabaseSync(statePaths(server.stateDir).database, { readOnly: true });
    const rows = db.prepare("select day, micros from cost_days where job_id = ?").all(jobId);
    db.close();
    return rows.map((row) => ({ ...row }));
  };

  it("are taken over once, never this server's own; what they cost counts on the day it was spent", async () => {
    const at = Date.now() - 3 * 86_400_000;
    elsewhere("long over", { createdAtMs: at, trainMs: 100_000, problem: "CUDA out of memory" });
    const [first, second] = await Promise.all([sync(), sync()]);
    assert.equal(first + second, 1);
    assert.equal(await sync(), 0);
    const [job] = await named("long over");
    assert.deepEqual(
      [job?.status, job?.model_family, job?.metadata["found_at_provider"]],
      ["failed", "sdxl", true],
    );
    // A training that fails does so after a quarter of its time: 25 s of an H100.
    assert.equal(job?.cost_usd, 0.038125);
    assert.deepEqual(bookedDays(job?.job_id ?? ""), [
      { day: new Date(at).toISOString().slice(0, 10), micros: 38_125 },
    ]);
    await server.call("DELETE /api/cloud/jobs/{job_id}", { params: { job_id: job?.job_id ?? "" } });
    assert.equal(await sync(), 0, "a deleted job came back");
  });

  it("are followed to their end, with log and cost, whatever the limits of this server say", async () => {
    await server.call("PUT /api/cloud/cost-limit", {
      body: { provider: "replicate", amount: 0.01, period: "daily", action: "stop" },
    });
    const { id } = elsewhere("under way", { startMs: 2_000, trainMs: 3_000 });
    assert.equal(await sync(), 1);
    const [found] = await named("under way");
    assert.equal(found?.status, "running");
    const job = await ended(found?.job_id ?? "");
    assert.deepEqual(
      [job.status, job.output_url, job.cost_usd],
      ["completed", "https://huggingface.co/ada/model", 0.004575],
      job.error_message ?? "",
    );
    const { lines } = await server.call("GET /api/cloud/jobs/{job_id}/logs", {
      params: { job_id: job.job_id },
      query: {},
    });
    assert.equal(lines.at(-1)?.text, "Saved the model");
    assert.equal(emulator.predictions.find((each) => each.id === id)?.canceledAtMs, null);
  });

  it("and this server's own are looked at when a list asks for it", async () => {
    elsewhere("watched", { trainMs: 4_000 });
    await sync();
    const [job] = await named("watched");
    await waitForJob(server.call, job?.job_id ?? "", ({ progress }) => (progress?.step ?? 0) > 0);
    const looks = () => emulator.calls.filter(({ operation }) => operation === "get").length;
    const before = looks();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => server.call("GET /api/cloud/jobs", { query: { sync_active: true } })),
    );
    assert.ok(looks() > before, "nothing was looked at");
    assert.ok(looks() <= before + 2, `${looks() - before} looks for lists at the same moment`);
    assert.equal(answers[0]?.jobs.find(({ job_id }) => job_id === job?.job_id)?.status, "running");
  });
});
