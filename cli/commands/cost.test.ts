import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { FakeError, fakeServer } from "../testing/fake-server.ts";

const limit = {
  provider: null,
  enabled: true,
  limit_amount: 50,
  period: "monthly",
  action: "stop",
  slice_minutes: 10,
  current_spend: 42.5,
  set_aside: 3.25,
  percent_used: 85,
  is_exceeded: false,
  is_warning: true,
  resets_at: "2026-12-01T00:00:00.000Z",
  message: null,
};
const summary = {
  from: "2026-11-01",
  to: "2026-11-24",
  total_cost_usd: 42.5,
  job_count: 3,
  by_day: [],
  by_provider: [{ provider: "replicate", cost_usd: 42.5, jobs: 3 }],
  by_hardware: [{ provider: "replicate", hardware: "gpu-h100", cost_usd: 42.5, jobs: 3 }],
  by_user: [{ user_id: "ada", cost_usd: 42.5, jobs: 3 }],
  projection: { running_jobs: 1, waiting_jobs: 0, cost_per_hour_usd: 5.49, remaining_usd: 3.25, jobs: [] },
};

describe("cost on the command line", () => {
  test("amounts and choices that make no sense are not sent", async () => {
    for (const args of [
      ["cost", "limit", "set"],
      ["cost", "limit", "set", "--", "-5"],
      ["cost", "limit", "set", "much"],
      ["cost", "limit", "set", "5", "--action", "shout"],
      ["cost", "limit", "set", "5", "--period", "yearly"],
      ["cost", "limit", "set", "5", "--slice-minutes", "1"],
      ["cost", "summary", "--days", "0"],
    ]) {
      const { code, err } = await ran("http://127.0.0.1:1", args);
      assert.equal(code, 2, args.join(" "));
      assert.notEqual(err, "");
    }
  });

  test("a limit is set with what was given and nothing else, and removed with none", async () => {
    const sent: unknown[] = [];
    await using server = await fakeServer({
      "PUT /api/cloud/cost-limit": ({ body }) => {
        sent.push(body);
        return (body as { amount: number | null }).amount === null ? { ...limit, enabled: false } : limit;
      },
    });
    const set = await ran(server.url, ["cost", "limit", "set", "$50", "--action", "stop"]);
    assert.match(
      set.out,
      /^All providers: \$42\.50 of \$50\.00 monthly \(85 %\), \$3\.25 set aside; refuses/,
    );
    const none = await ran(server.url, ["cost", "limit", "set", "none", "--provider", "replicate"]);
    assert.equal(none.out, "The limit is removed.\n");
    assert.deepEqual(sent, [
      { amount: 50, action: "stop" },
      { amount: null, provider: "replicate" },
    ]);
  });

  test("without a limit it says how to set one", async () => {
    await using server = await fakeServer({ "GET /api/cloud/cost-limit": () => ({ limits: [] }) });
    assert.match((await ran(server.url, ["cost", "limit", "get"])).out, /cost limit set 50/);
  });

  test("the summary tells total, projection, groups and limits; as JSON all of it", async () => {
    await using server = await fakeServer({
      "GET /api/cloud/cost/summary": () => summary,
      "GET /api/cloud/cost-limit": () => ({ limits: [limit] }),
    });
    const { out } = await ran(server.url, ["cost", "summary"]);
    for (const part of [
      /\$42\.50 from 2026-11-01/,
      /1 running job at \$5\.49 an hour/,
      /gpu-h100/,
      /ada/,
      /85 %/,
    ])
      assert.match(out, part);
    const json = JSON.parse((await ran(server.url, ["cost", "summary", "-f", "json"])).out);
    assert.deepEqual(json, { ...summary, limits: [limit] });
  });

  test("a submit shows what the job will cost and what the limit says before anything is sent", async () => {
    const plan = { requires_upload: true, consent_mode: "ask", datasets: [], consent_token: "t" };
    await using server = await fakeServer({
      "POST /api/cloud/data-consent/preview": () => ({
        ...plan,
        destination: "there",
        deleted_when: "then",
        route: { way: "machine", size_bytes: 1, limit_bytes: null, notes: [], refusal: null },
        total_files: 1,
        total_bytes: 1,
        archive_bytes: 1,
        archive_bytes_exact: true,
        fingerprint: "f",
        message: null,
      }),
      "POST /api/cloud/cost-estimate": ({ body }) => {
        assert.deepEqual(body, { hardware: "gpu-h100", config_name_to_load: "demo" });
        return { message: "About $12.00.", limit, limit_verdict: "refused" };
      },
      "POST /api/cloud/jobs/submit": () => {
        throw new FakeError("cost_limit_exceeded", { estimate: "$12.00" });
      },
    });
    const { code, out, err } = await ran(server.url, [
      "jobs",
      "submit",
      "demo",
      "--hardware",
      "gpu-h100",
      "--yes",
    ]);
    assert.equal(code, 1);
    assert.match(out, /About \$12\.00\. It would be refused.*monthly spend limit of \$50\.00/);
    assert.match(err, /^This job may cost \$12\.00/);
  });
});
