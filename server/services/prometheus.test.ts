import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { packageRoot } from "../config/package-files.ts";
import {
  prometheusSkip,
  type RealPrometheus,
  runPromtool,
  startPrometheus,
} from "../testing/real-prometheus.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

const deployed = join(packageRoot(), "deploy");
const rules = join(deployed, "prometheus", "alerts.yml");

/** Names that the operations guide gives and whose unit Prometheus would rather have in seconds. */
const guideNames = [
  "simpletuner_health_database_latency_ms metric names should not contain abbreviated units",
  "simpletuner_http_request_latency_ms_avg metric names should not contain abbreviated units",
];

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/** Every query of the dashboard, with Grafana's variables filled as it would fill them. */
async function dashboardQueries(): Promise<{ panel: string; expr: string }[]> {
  const file = await readFile(join(deployed, "grafana", "simpletuner-cloud.json"), "utf8");
  const { panels } = JSON.parse(file) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: title,
      expr: expr.replaceAll("$instance", ".*").replaceAll(/\$__rate_interval|\$__range/g, "1m"),
    })),
  );
}

/** Names of metrics in an expression. */
function metricNames(expr: string): string[] {
  return [...new Set(expr.match(/\b(?:simpletuner|process)_[a-z0-9_]+/g))];
}

describe("alert rules", { skip: prometheusSkip }, () => {
  test("promtool has no complaint, and each alert fires when it should and not before", () => {
    const checked = runPromtool(["check", "rules", rules]);
    assert.equal(checked.status, 0, checked.said);
    const tested = runPromtool(["test", "rules", join(deployed, "prometheus", "alerts.test.yml")]);
    assert.equal(tested.status, 0, tested.said);
  });

  test("every alert has a test, and a threshold that is wrong fails it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "alerts "));
    const text = await readFile(rules, "utf8");
    const tests = await readFile(join(deployed, "prometheus", "alerts.test.yml"), "utf8");
    const alerts = [...text.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? "");
    assert.ok(alerts.length > 10);
    for (const name of alerts) assert.match(tests, new RegExp(`alertname: ${name}\\n +exp_alerts:\\n`), name);
    await writeFile(join(folder, "alerts.test.yml"), tests);
    await writeFile(join(folder, "alerts.yml"), text.replace(">= 80 < 100", ">= 90 < 100"));
    const wrong = runPromtool(["test", "rules", join(folder, "alerts.test.yml")]);
    await rm(folder, { recursive: true });
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.said, /SimpleTunerCostLimitNear/);
  });
});

describe("real Prometheus", { skip: prometheusSkip }, () => {
  let server: TestServer;
  let prometheus: RealPrometheus;
  let folder: string;

  before(async () => {
    server = await startTestServer({
      script: "sleep 0.2\n",
    });
    await server.call("POST /api/cloud/metrics/config/apply-template/{template}", {
      params: { template: "full" },
    });
    const { token } = await server.call("POST /api/cloud/metrics/config/token");
    await server.call("PUT /api/cloud/cost-limit", {
      body: { provider: null, amount: 100, period: "monthly", action: "warn" },
    });
    folder = await mkdtemp(join(tmpdir(), "prometheus config "));
    await cp(join(deployed, "prometheus"), folder, { recursive: true });
    await writeFile(join(folder, "scrape-token"), token, { mode: 0o600 });
    const config = join(folder, "prometheus.yml");
    const shipped = await readFile(config, "utf8");
    await writeFile(
      config,
      shipped.replace("127.0.0.1:8001", new URL(server.url).host).replaceAll("15s", "1s"),
    );
    const checked = runPromtool(["check", "config", config]);
    assert.equal(checked.status, 0, checked.said);
    prometheus = await startPrometheus(config);
  });
  after(async () => {
    await prometheus?.stop();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const valueOf = async (expr: string): Promise<number | null> => {
    const [first] = await prometheus.query(expr);
    return first ? Number(first.value[1]) : null;
  };

  test("promtool has no complaint but of two names, which are the operations guide's, and of nothing where they are left out", async () => {
    const scraped = async (query: string): Promise<string> => {
      const answer = await fetch(`${server.url}/api/cloud/metrics/prometheus${query}`, {
        headers: { "x-test-user": "local" },
      });
      return answer.text();
    };
    const [content, clean] = await Promise.all([scraped(""), scraped("?milliseconds=false")]);
    const { said } = runPromtool(["check", "metrics"], content);
    assert.deepEqual(said.trim().split("\n").sort(), guideNames);
    assert.deepEqual(runPromtool(["check", "metrics"], clean), { status: 0, said: "" });
    const names = (text: string): string[] =>
      [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name ?? "");
    assert.deepEqual(
      names(content)
        .filter((name) => !names(clean).includes(name))
        .sort(),
      guideNames.map((line) => line.split(" ")[0]),
    );
    for (const name of [
      "simpletuner_health_database_latency_seconds",
      "simpletuner_http_request_duration_seconds",
    ])
      assert.ok(names(clean).includes(name), name);
    // It would have seen one: a counter that is not called a total.
    const wrong = runPromtool(
      ["check", "metrics"],
      content.replaceAll("simpletuner_jobs_total", "simpletuner_jobs_sum_of"),
    );
    assert.match(wrong.said, /simpletuner_jobs_sum_of/);
  });

  test("with the shipped configuration it scrapes with the token, and sees what jobs do", async () => {
    await eventually("the first scrape", async () => (await valueOf('up{job="simpletuner"}')) === 1, 30_000);
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 5 }, dataloader_config: dataloader };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal, 60_000);
    await server
      .as("nobody")("GET /api/cloud/jobs/{job_id}", { params: { job_id } })
      .catch(() => undefined);
    await eventually(
      "the job in Prometheus",
      async () => (await valueOf('simpletuner_jobs_finished_total{status="completed"}')) === 1,
      30_000,
    );
    assert.equal(await valueOf("simpletuner_jobs_total"), 1);
    assert.equal(
      await valueOf('simpletuner_http_errors_total{endpoint_status=~"GET_/api/cloud/jobs/.+_401"}'),
      1,
    );
  });

  test("each query of the dashboard is understood, names only metrics that exist, and answers", async () => {
    const queries = await dashboardQueries();
    assert.ok(queries.length > 30);
    const info = await prometheus.get<Record<string, unknown>>("metadata");
    const known = (name: string): boolean => name in info || name.replace(/_(bucket|sum|count)$/, "") in info;
    assert.equal(known("simpletuner_jobs_sum_of"), false);
    for (const { panel, expr } of queries)
      for (const name of metricNames(expr)) assert.ok(known(name), `${panel}: ${name}`);
    // Two scrapes are needed for a rate; a job or a refused request may have been none yet.
    const mayBeEmpty = /rate_limit|circuit_breaker|job_duration_seconds_bucket/;
    for (const { panel, expr } of queries) {
      const answers = async (): Promise<boolean> =>
        (await prometheus.query(expr)).length > 0 || mayBeEmpty.test(expr);
      await eventually(`an answer to ${panel}: ${expr}`, answers, 30_000);
    }
  });

  test("each alert is evaluated, and one fires when the server is gone", async () => {
    interface Rule {
      name: string;
      health: string;
      state: string;
      lastError?: string;
    }
    const read = async (): Promise<Rule[]> =>
      (await prometheus.get<{ groups: { rules: Rule[] }[] }>("rules")).groups.flatMap((group) => group.rules);
    const evaluated = await eventually(
      "evaluations",
      async () => {
        const all = await read();
        return all.every(({ health }) => health === "ok") ? all : null;
      },
      30_000,
    );
    assert.equal(evaluated.find(({ name }) => name === "SimpleTunerDown")?.state, "inactive");
    const info = await prometheus.get<Record<string, unknown>>("metadata");
    for (const name of metricNames(await readFile(rules, "utf8")))
      assert.ok(name in info || name.replace(/_bucket$/, "") in info, name);
    await server.stop();
    await eventually(
      "the alert",
      async () => (await read()).find(({ name }) => name === "SimpleTunerDown")?.state === "pending",
      30_000,
    );
  });
});
