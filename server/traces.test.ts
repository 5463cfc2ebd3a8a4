import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ReplicateEmulator, startReplicateEmulator } from "../e2e/replicate-emulator/emulator.ts";
import { type OtlpCollector, type ReceivedSpan, startOtlpCollector } from "./testing/otlp-collector.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "./testing/test-server.ts";
import { eventually, quickTrainer } from "./testing/trainer-scripts.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const caller = "00f067aa0ba902b7";

describe("with a collector", () => {
  let collector: OtlpCollector;
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let folder: string;
  let logFile: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "traces "));
    logFile = join(folder, "server.log");
    collector = await startOtlpCollector();
    emulator = await startReplicateEmulator();
    server = await startTestServer({
      script: quickTrainer,
      env: {
        SIMPLETUNER_LOG_LEVEL: "warn",
        SIMPLETUNER_LOG_FILE: logFile,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20collector-secret",
        OTEL_BSP_SCHEDULE_DELAY: "20",
        OTEL_EXPORTER_OTLP_TIMEOUT: "500",
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_STATUS_URL: emulator.statusUrl,
      },
    });
  });
  after(async () => {
    await server.close();
    await emulator.close();
    await collector.close();
    await rm(folder, { recursive: true, force: true });
  });

  const span = (what: string, is: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> =>
    eventually(what, () => collector.spans.find(is) ?? null);

  test("a job's trace goes from the request that submitted it to each step of its run", async () => {
    const { dataloader } = await makeDataset(server.folder);
    const answer = await fetch(`${server.url}/api/cloud/jobs/submit?note=secret-query`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-test-user": "local",
        "x-correlation-id": "from-the-caller",
        traceparent: `00-${traceId}-${caller}-01`,
        tracestate: "vendor=x",
      },
      body: JSON.stringify({
        name: "secret-name",
        config: { max_train_steps: 1, webhook_config: [{ auth_token: "secret-field" }] },
        dataloader_config: dataloader,
      }),
    });
    const { job_id } = (await answer.json()) as { job_id: string };
    await waitForJob(server.call, job_id, ({ status }) => status === "completed");
    await span(
      "the last step",
      ({ name, attributes }) => name === "job finish" && attributes["simpletuner.job.id"] === job_id,
    );

    const ofTrace = collector.spans.filter((each) => each.traceId === traceId);
    const submit = ofTrace.find(({ name }) => name === "POST /api/cloud/jobs/submit");
    assert.ok(submit);
    assert.equal(submit.parentSpanId, caller);
    assert.equal(submit.kind, 2);
    assert.deepEqual(
      { ...submit.attributes },
      {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/api/cloud/jobs/submit",
        "simpletuner.correlation_id": "from-the-caller",
        "simpletuner.job.id": job_id,
        "simpletuner.provider": "local",
        "url.scheme": "http",
      },
    );
    const steps = ofTrace.filter(({ name }) => name.startsWith("job "));
    assert.deepEqual(
      steps.map(({ name }) => name),
      ["job hand over", "job follow", "job finish"],
    );
    for (const { parentSpanId, attributes } of steps) {
      assert.equal(parentSpanId, submit.spanId);
      assert.equal(attributes["simpletuner.job.id"], job_id);
      assert.equal(attributes["simpletuner.provider"], "local");
      assert.equal(Number(attributes["simpletuner.job.attempt"]), 1);
      assert.ok(String(attributes["simpletuner.correlation_id"]).length > 8);
    }
    const writes = ofTrace.filter(({ name }) => name === "transaction");
    const above = new Set(writes.map(({ parentSpanId }) => parentSpanId));
    for (const { spanId, name } of [submit, ...steps]) assert.ok(above.has(spanId), `${name} writes`);
    assert.ok(
      writes.every(({ attributes }) =>
        /^(sqlite|postgresql|mysql)$/.test(String(attributes["db.system.name"])),
      ),
    );
    await span("the queue's round", ({ name }) => name === "starting waiting jobs");

    const file = await fetch(
      `${server.url}/api/cloud/storage/outputs/${job_id}/pytorch_lora_weights.safetensors?secret=secret-query`,
      { headers: { "x-test-user": "local" } },
    );
    assert.equal(await file.text(), "weights");
    const read = await span("the read", ({ name }) => name === "S3.GetObject");
    assert.deepEqual(
      [read.attributes["rpc.method"], read.attributes["http.route"]],
      ["S3/GetObject", "/api/cloud/storage"],
    );
  });

  test("a call to a service is below the request that makes it, and tells where to and how it ended", async () => {
    await fetch(`${server.url}/api/cloud/providers/replicate/validate`, {
      headers: { "x-test-user": "local", "x-correlation-id": "asks" },
    });
    const call = await span(
      "the call",
      ({ kind, attributes }) => kind === 3 && attributes["server.port"] !== undefined,
    );
    const request = await span("the request", ({ spanId }) => spanId === call.parentSpanId);
    assert.equal(request.attributes["simpletuner.correlation_id"], "asks");
    assert.equal(call.attributes["server.address"], "127.0.0.1");
    assert.equal(Number(call.attributes["http.response.status_code"]), 200);
    // The emulator is on this machine; what is on the internet is told of no trace.
    const sent = emulator.calls.find(({ headers }) => headers["x-correlation-id"] === "asks");
    assert.equal(sent?.headers["traceparent"], `00-${call.traceId}-${call.spanId}-01`);
  });

  test("a strange path makes no name of its own, and a failed request is told by its status alone", async () => {
    await fetch(`${server.url}/api/secret-path?access_token=secret-query`, {
      headers: { "x-test-user": "local" },
    });
    const strange = await span("the request", ({ name }) => name === "GET /api/{unknown}");
    assert.deepEqual([Number(strange.attributes["http.response.status_code"]), strange.statusCode], [404, 0]);
    await fetch(`${server.url}/secret-page`, { headers: { "x-test-user": "local" } });
    await span("the page", ({ name }) => name === "GET /{page}");
  });

  test("nothing that a user wrote and no secret is in any span", () => {
    const sent = collector.requests.map(({ body }) => body).join("\n");
    assert.ok(sent.length > 5_000);
    for (const word of [
      "secret-",
      "pytorch_lora",
      emulator.token,
      server.folder,
      "x-test-user",
      "weights",
      "vendor=x&",
    ])
      assert.ok(!sent.includes(word), word);
    assert.equal(collector.requests[0]?.headers.authorization, "Bearer collector-secret");
  });

  test("health and metrics say that traces go out, and that they do not when the collector hangs", async () => {
    const health = async () =>
      (await server.call("GET /api/cloud/health", { query: {} })).components.find(
        ({ name }) => name === "traces",
      );
    assert.equal((await health())?.status, "healthy");
    collector.mode = "hangs";
    const took: number[] = [];
    for (let request = 0; request < 50; request++) {
      const startedAt = performance.now();
      await fetch(`${server.url}/api/cloud/health/live`);
      took.push(performance.now() - startedAt);
    }
    assert.ok(Math.max(...took) < 400, `${Math.max(...took)} ms while the collector hangs`);
    await eventually("the word of it", async () => (await health())?.status === "degraded");
    const lines = (await readFile(logFile, "utf8"))
      .split("\n")
      .filter((line) => line.includes("does not take traces"));
    assert.equal(lines.length, 1);
    // It is of no request, though the end of one had spans sent.
    const { correlation_id, trace_id } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
    assert.deepEqual([correlation_id, trace_id], [null, undefined]);
    const metrics = await server.call("PUT /api/cloud/metrics/config", {
      body: { prometheus_enabled: true, prometheus_categories: ["health"] },
    });
    assert.ok(metrics);
    const text = await (await fetch(`${server.url}/api/cloud/metrics/prometheus`)).text();
    assert.match(text, /simpletuner_trace_spans_sent_total [1-9]/);
    assert.match(text, /simpletuner_trace_spans_dropped_total\{reason="not_taken"\} [1-9]/);
    const startedAt = performance.now();
    await server.stop();
    assert.ok(performance.now() - startedAt < 5_000, "a hanging collector does not hold up the stop");
  });
});

/** Starts a server without a collector and then one with, and tells what each had loaded of OpenTelemetry. */
const program = `
  import { registerHooks } from "node:module";
  const [, main, stateDir] = process.argv;
  const loaded = new Set();
  registerHooks({
    load(url, context, next) {
      const name = /node_modules\\/@opentelemetry\\/([^/]+)/.exec(url)?.[1];
      if (name) loaded.add(name);
      return next(url, context);
    },
  });
  const { startServer } = await import(main);
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_TRACES_SAMPLER: "always_off" };
  for (const env of [{ OTEL_SERVICE_NAME: "ours" }, collector]) {
    const server = await startServer({ port: 0, stateDir, env: { ...env, SIMPLETUNER_LOG_LEVEL: "fatal" } });
    const { status } = await fetch(server.url + "/api/cloud/health/live");
    await server.close();
    console.log(JSON.stringify([status, ...loaded]));
  }
  process.exit(0);
`;

test("without a collector nothing of OpenTelemetry is loaded beside what counts metrics", async () => {
  const folder = await mkdtemp(join(tmpdir(), "traces "));
  const main = new URL("main.ts", import.meta.url).href;
  const args = ["--input-type=module", "--eval", program, main, join(folder, "state")];
  try {
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
    const [off = "", on = ""] = stdout.trim().split("\n");
    assert.deepEqual(JSON.parse(off), [200, "api"], stderr);
    assert.ok((JSON.parse(on) as unknown[]).includes("sdk-trace"), "the check sees what is loaded");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
