import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { quickTrainer } from "../testing/trainer-scripts.ts";

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );

describe("cost over HTTP", () => {
  let server: TestServer;
  before(async () => {
    const startedMs = Date.now();
    server = await startTestServer({
      script: quickTrainer,
      now: () => Date.parse("2026-11-10T12:00:00Z") + Date.now() - startedMs,
    });
  });
  after(() => server.close());

  test("only an administrator sets limits, amounts and names are checked, everybody sees where they stand", async () => {
    const put = (name: string, body: Record<string, unknown>) =>
      codeOf(server.as(name)("PUT /api/cloud/cost-limit", { body: { amount: 5, ...body } }));
    assert.equal(await put("ada", {}), "permission_denied");
    assert.equal(await put("local", { amount: 0 }), "validation_error");
    assert.equal(await put("local", { action: "shout" }), "validation_error");
    assert.equal(await put("local", { slice_minutes: 1 }), "validation_error");
    assert.equal(await put("local", { provider: "nowhere" }), "unknown_provider");
    assert.equal(await put("local", { amount: 12.34, period: "weekly", action: "stop" }), "accepted");
    const status = await server.as("ada")("GET /api/cloud/cost-limit/status");
    assert.deepEqual(status, {
      provider: null,
      enabled: true,
      limit_amount: 12.34,
      period: "weekly",
      action: "stop",
      slice_minutes: 10,
      current_spend: 0,
      set_aside: 0,
      percent_used: 0,
      is_exceeded: false,
      is_warning: false,
      resets_at: "2026-11-16T00:00:00.000Z",
      message: null,
    });
    // A change of the amount leaves the rest as it was.
    await put("local", { amount: 20 });
    const { limits } = await server.call("GET /api/cloud/cost-limit");
    assert.deepEqual(
      limits.map(({ limit_amount, period, action }) => [limit_amount, period, action]),
      [[20, "weekly", "stop"]],
    );
    await put("local", { amount: null });
    assert.equal((await server.call("GET /api/cloud/cost-limit/status")).enabled, false);
  });

  test("training on this machine costs nothing and passes every limit", async () => {
    await server.call("PUT /api/cloud/cost-limit", { body: { amount: 0.01, action: "block" } });
    const { dataloader } = await makeDataset(server.folder);
    const config = { model_family: "test", max_train_steps: 10 };
    const estimate = await server.call("POST /api/cloud/cost-estimate", { body: { config } });
    assert.deepEqual(
      [estimate.basis, estimate.estimated_cost_usd, estimate.limit_verdict, estimate.duration_seconds],
      ["free", 0, "fits", null],
    );
    const { job_id, cost_limit_warning } = await server.call("POST /api/cloud/jobs/submit", {
      body: { config, dataloader_config: dataloader },
    });
    assert.equal(cost_limit_warning, null);
    const done = await waitForJob(server.call, job_id, (job) => job.is_terminal);
    assert.deepEqual([done.status, done.cost_usd, done.estimated_cost_usd], ["completed", 0, 0]);
    const summary = await server.call("GET /api/cloud/cost/summary");
    assert.deepEqual([summary.total_cost_usd, summary.job_count, summary.from], [0, 0, "2026-11-01"]);
    assert.deepEqual(summary.by_day.at(-1), { date: "2026-11-10", cost_usd: 0, jobs: 0 });
    const again = await server.call("POST /api/cloud/cost-estimate", { body: { config } });
    assert.equal(again.past_runs, 1);
  });

  test("hardware that the provider does not have is refused, before the submit and at it", async () => {
    const { dataloader } = await makeDataset(server.folder);
    const body = { hardware: "h9000", config: { max_train_steps: 1 } };
    assert.equal(await codeOf(server.call("POST /api/cloud/cost-estimate", { body })), "unknown_hardware");
    assert.equal(
      await codeOf(
        server.call("POST /api/cloud/jobs/submit", { body: { ...body, dataloader_config: dataloader } }),
      ),
      "unknown_hardware",
    );
  });

  test("odd days are refused or answered with nothing, never with an error of the server", async () => {
    const ask = (query: Record<string, string | number>) =>
      codeOf(server.call("GET /api/cloud/cost/summary", { query }));
    assert.equal(await ask({ from: "yesterday" }), "validation_error");
    assert.equal(await ask({ days: 0 }), "validation_error");
    for (const day of ["2026-13-45", "0000-00-00"]) {
      assert.equal(await ask({ from: day }), "validation_error", day);
      assert.equal(await ask({ to: day, days: 3 }), "validation_error", day);
    }
    for (const from of ["2099-01-01", "1000-01-01"]) assert.equal(await ask({ from }), "accepted", from);
  });
});
