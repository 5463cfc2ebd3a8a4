import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { metricCategories } from "@simpletuner-cloud/contract/metrics.ts";
import { metricCatalogue, metricTemplates } from "../domain/metric-catalogue.ts";
import { startTestServer, storedTexts, type TestServer, waitForJob } from "../testing/test-server.ts";
import { makeDataset } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";
import { endpointName, httpMeter } from "./http-meter.ts";
import { metricRegistry } from "./metric-registry.ts";

const scrapePath = "/api/cloud/metrics/prometheus";

/** The samples of an exposition by their series. */
function samplesOf(text: string): Map<string, number> {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

describe("the catalogue of metrics", () => {
  test("names and templates are those of the operations guide", () => {
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(metricTemplates).map(([id, { categories }]) => [id, [...categories].sort()]),
      ),
      {
        minimal: ["jobs"],
        standard: ["health", "http", "jobs"],
        security: ["approvals", "audit", "http", "jobs", "rate_limits"],
        full: [...metricCategories].sort(),
      },
    );
    const guide = `uptime_seconds jobs_total jobs_by_status jobs_active cost_usd_total job_duration_seconds_avg
      http_requests_total http_errors_total http_request_latency_ms_avg rate_limit_violations_total
      rate_limit_tracked_clients approval_requests_pending approval_requests_by_status audit_log_entries_total
      audit_log_entries_24h circuit_breaker_state circuit_breaker_failures_total cost_limit_percent_used
      credit_balance_usd health_database_latency_ms health_component_status audit_log_entries_by_type
      circuit_breaker_successes_total estimated_jobs_remaining`;
    for (const name of guide.split(/\s+/)) assert.ok(`simpletuner_${name}` in metricCatalogue, name);
  });
});

describe("metrics of requests", () => {
  test("an endpoint is named as the contract declares it, whatever path came", () => {
    const named = (method: string, target: string) =>
      endpointName({ method, target, endpoint: null, status: 429 });
    assert.equal(named("POST", "/api/cloud/jobs/submit?x=1"), "POST_/api/cloud/jobs/submit");
    assert.equal(named("GET", "/api/cloud/jobs/abc"), "GET_/api/cloud/jobs/{job_id}");
    assert.equal(named("GET", "/api/nothing/here"), "GET_/api/{unknown}");
    assert.equal(named("GET", "/jobs/abc"), "GET_/{page}");
    assert.equal(named("PROPFIND", "/whatever"), "OTHER_/{page}");
  });

  test("strange requests make no more than a few series", async () => {
    const metrics = metricRegistry();
    const meter = httpMeter(metrics);
    metrics.collectWith("http", meter.collect);
    for (let number = 0; number < 5_000; number++)
      meter.begin().end({
        method: `M${number}`,
        target: `/api/${number}/${"x".repeat(number % 90)}`,
        endpoint: null,
        status: 404,
      });
    const samples = samplesOf(await metrics.text(["http"]));
    assert.ok(samples.size < 40, String(samples.size));
    assert.equal(samples.get('simpletuner_http_requests_total{endpoint="OTHER_/api/{unknown}"}'), 5_000);
    assert.equal(
      samples.get('simpletuner_http_errors_total{endpoint_status="OTHER_/api/{unknown}_404"}'),
      5_000,
    );
  });

  test("a category that cannot be found out is left out, told as such, and keeps no old number", async () => {
    const metrics = metricRegistry();
    let isBroken = false;
    metrics.collectWith("jobs", async () => {
      if (isBroken) throw new Error("no database");
      return {
        simpletuner_jobs_total: [{ value: 7 }],
        simpletuner_jobs_by_status: [{ labels: { status: "failed" }, value: 2 }],
      };
    });
    metrics.collectWith("audit", async () => ({ simpletuner_audit_log_entries_total: [{ value: 3 }] }));
    const whole = samplesOf(await metrics.text(["jobs", "audit"]));
    assert.equal(whole.get("simpletuner_jobs_total"), 7);
    assert.equal(whole.get('simpletuner_metrics_collect_success{category="jobs"}'), 1);
    isBroken = true;
    const part = samplesOf(await metrics.text(["jobs", "audit"]));
    assert.equal(part.get("simpletuner_jobs_total"), undefined);
    assert.equal(part.get('simpletuner_jobs_by_status{status="failed"}'), undefined);
    assert.equal(part.get("simpletuner_audit_log_entries_total"), 3);
    assert.equal(part.get('simpletuner_metrics_collect_success{category="jobs"}'), 0);
  });

  test("scrapes at the same moment tell the same", async () => {
    const metrics = metricRegistry();
    metrics.collectWith("jobs", async () => ({ simpletuner_jobs_total: [{ value: 7 }] }));
    const texts = await Promise.all(Array.from({ length: 20 }, () => metrics.text(["jobs"])));
    for (const text of texts) assert.equal(samplesOf(text).get("simpletuner_jobs_total"), 7);
  });
});

describe("Prometheus export", () => {
  let server: TestServer;
  const scrape = async (headers: Record<string, string> = {}) => {
    const answer = await fetch(server.url + scrapePath, { headers });
    return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
  };
  before(async () => {
    server = await startTestServer({ script: "echo done\nexit 0\n" });
  });
  after(() => server.close());

  test("off by default: one comment line, also for Prometheus no error", async () => {
    const config = await server.call("GET /api/cloud/metrics/config");
    assert.deepEqual(
      { ...config, endpoint_url: "" },
      {
        prometheus_enabled: false,
        prometheus_categories: ["jobs", "http"],
        endpoint_url: "",
        token_required: false,
        token_made_at: null,
        ignored_categories: [],
      },
    );
    assert.equal(config.endpoint_url, server.url + scrapePath);
    const { status, type, text } = await scrape();
    assert.equal(status, 200);
    assert.equal(type, "text/plain; version=0.0.4; charset=utf-8");
    assert.match(text, /^# [^\n]+\n$/);
  });

  test("a preview changes nothing; a template switches on; unknown categories are told", async () => {
    const preview = await server.call("POST /api/cloud/metrics/config/preview", {
      body: { categories: ["audit", "jobs", "bogus"] },
    });
    assert.deepEqual(preview.categories_used, ["jobs", "audit"]);
    assert.match(preview.content, /^simpletuner_jobs_total 0$/m);
    assert.equal(preview.metric_count, preview.content.match(/^# TYPE/gm)?.length);
    assert.equal((await server.call("GET /api/cloud/metrics/config")).prometheus_enabled, false);
    const applied = await server.call("POST /api/cloud/metrics/config/apply-template/{template}", {
      params: { template: "full" },
    });
    assert.deepEqual(applied.prometheus_categories, [...metricCategories]);
    assert.equal(applied.prometheus_enabled, true);
    const put = await server.call("PUT /api/cloud/metrics/config", {
      body: { prometheus_categories: ["http", "jobs", "http", "bogus"] },
    });
    assert.deepEqual(put.prometheus_categories, ["jobs", "http"]);
    assert.deepEqual(put.ignored_categories, ["bogus"]);
    await assert.rejects(
      server.call("POST /api/cloud/metrics/config/apply-template/{template}", {
        params: { template: "huge" },
      }),
      (error: unknown) => error instanceof ApiError && error.status === 404 && /minimal/.test(error.message),
    );
    await server.restart();
    assert.deepEqual((await server.call("GET /api/cloud/metrics/config")).prometheus_categories, [
      "jobs",
      "http",
    ]);
  });

  test("a preview equals a scrape but for what time alone changes", async () => {
    await server.call("PUT /api/cloud/metrics/config", {
      body: { prometheus_enabled: true, prometheus_categories: ["jobs", "audit", "provider"] },
    });
    const { content } = await server.call("POST /api/cloud/metrics/config/preview", { body: {} });
    const { text } = await scrape();
    const steady = (all: string) => all.replaceAll(/^simpletuner_metrics_collect_duration.*$/gm, "");
    assert.equal(steady(text), steady(content));
  });

  test("jobs are told from their totals, which deleting does not undo", async () => {
    const { dataloader } = await makeDataset(server.folder);
    const { job } = await server.call("POST /api/cloud/jobs/submit", {
      body: { config: { model_family: "pixel-denoiser", max_train_steps: 5 }, dataloader_config: dataloader },
    });
    await waitForJob(server.call, job.job_id, ({ is_terminal }) => is_terminal, 30_000);
    await server.call("PUT /api/cloud/metrics/config", {
      body: { prometheus_enabled: true, prometheus_categories: [...metricCategories] },
    });
    const before_ = samplesOf((await scrape()).text);
    assert.equal(before_.get("simpletuner_jobs_total"), 1);
    assert.equal(before_.get('simpletuner_jobs_by_status{status="completed"}'), 1);
    assert.equal(before_.get('simpletuner_jobs_finished_total{status="completed"}'), 1);
    assert.equal(before_.get("simpletuner_jobs_active"), 0);
    assert.ok((before_.get("simpletuner_job_duration_seconds_avg") ?? 0) > 0);
    assert.equal(before_.get('simpletuner_job_duration_seconds_count{status="completed"}'), 1);
    assert.ok(
      (before_.get('simpletuner_http_requests_total{endpoint="POST_/api/cloud/jobs/submit"}') ?? 0) >= 1,
    );
    assert.ok(
      (before_.get(
        'simpletuner_http_request_duration_seconds_bucket{le="+Inf",endpoint="POST_/api/cloud/jobs/submit"}',
      ) ?? 0) >= 1,
    );
    assert.equal(before_.get('simpletuner_health_component_status{component="database"}'), 0);
    assert.equal(before_.get("simpletuner_ready"), 1);
    await server.call("DELETE /api/cloud/jobs/{job_id}", { params: { job_id: job.job_id } });
    const after_ = samplesOf((await scrape()).text);
    assert.equal(after_.get("simpletuner_jobs_total"), 1);
    assert.equal(after_.get('simpletuner_jobs_by_status{status="completed"}'), 0);
    assert.equal(after_.get('simpletuner_jobs_finished_total{status="completed"}'), 1);
  });

  test("the audit is counted on by type from scrape to scrape, and as its own page counts", async () => {
    await server.call("PUT /api/cloud/metrics/config", { body: { prometheus_categories: ["audit"] } });
    await eventually("sealed entries", async () => {
      const stats = await server.call("GET /api/audit/stats");
      const samples = samplesOf((await scrape()).text);
      const told = Object.fromEntries(
        Object.keys(stats.by_type).map((type) => [
          type,
          samples.get(`simpletuner_audit_log_entries_by_type{event_type="${type}"}`),
        ]),
      );
      assert.deepEqual(told, stats.by_type);
      assert.equal(samples.get("simpletuner_audit_log_entries_total"), stats.total_entries);
      assert.equal(samples.get("simpletuner_audit_log_entries_24h"), stats.last_24h);
      return true;
    });
  });

  test("with a scrape token, only who brings it or may see all jobs gets numbers; it is stored as a digest", async () => {
    const { token, config } = await server.call("POST /api/cloud/metrics/config/token");
    assert.equal(config.token_required, true);
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`prometheus:${password}`).toString("base64")}`,
    });
    assert.equal((await scrape()).status, 401);
    assert.match((await scrape()).text, /scrape_token_required/);
    assert.equal((await scrape({ authorization: "Bearer wrong" })).status, 401);
    assert.equal((await scrape(basic(`${token}x`))).status, 401);
    assert.equal((await scrape({ "x-test-user": "ada" })).status, 401);
    assert.equal((await scrape({ authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await scrape(basic(token))).status, 200);
    assert.equal((await scrape({ "x-test-user": "local" })).status, 200);
    for (const [place, text] of await storedTexts(server)) assert.ok(!text.includes(token), place);
    assert.ok(
      (await storedTexts(server)).some(([, text]) =>
        text.includes(createHash("sha256").update(token).digest("hex")),
      ),
    );
    const second = await server.call("POST /api/cloud/metrics/config/token");
    assert.equal((await scrape({ authorization: `Bearer ${token}` })).status, 401);
    assert.equal((await scrape({ authorization: `Bearer ${second.token}` })).status, 200);
    await server.call("DELETE /api/cloud/metrics/config/token");
    assert.equal((await scrape()).status, 200);
  });
});
