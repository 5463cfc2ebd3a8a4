import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { FakeError, fakeServer } from "../testing/fake-server.ts";

const config = {
  version_override: "simpletuner/advanced-trainer-h100",
  hardware_profile: null,
  hardware_info: {},
  webhook_url: "https://train.example.org",
  webhook_allowed_ips: [],
  ssl_verify: true,
  http_timeout: 30,
  proxy_url: "http://ada:***@proxy:8080",
};
const settings = {
  provider: "replicate",
  config,
  set: ["webhook_url"],
  version: 3,
  updated_at: "2026-11-01T10:00:00.000Z",
  updated_by: "ada",
};

describe("cloud config on the command line", () => {
  test("shows each setting, its value and whether it was set", async () => {
    await using server = await fakeServer({ "GET /api/cloud/providers/replicate/config": () => settings });
    const { code, out } = await ran(server.url, ["cloud", "config", "show"]);
    assert.equal(code, 0);
    assert.match(out, /^webhook_url +https:\/\/train\.example\.org +set$/m);
    assert.match(out, /^hardware_profile +- +default$/m);
    assert.match(out, /^webhook_allowed_ips +all +default$/m);
    assert.match(out, /Changed last 2026-11-01 \d\d:\d\d by ada\./);
    const json = await ran(server.url, ["cloud", "config", "show", "-f", "json"]);
    assert.deepEqual(JSON.parse(json.out), settings);
  });

  test("sends each value in its own kind, nothing at all clears, and a name that is none is not sent", async () => {
    const sent: unknown[] = [];
    await using server = await fakeServer({
      "PUT /api/cloud/providers/replicate/config": ({ body }) => {
        sent.push(body);
        return settings;
      },
    });
    for (const args of [
      ["webhook-url", "https://train.example.org"],
      ["http_timeout", "45"],
      ["webhook_allowed_ips", "10.0.0.0/8, 1.2.3.4"],
      ["hardware_info", '{"h100":{"cost_per_second":0.001}}'],
      ["webhook_require_signature", "no"],
      ["cost_limit_amount", "50"],
      ["http_timeout", "soon"],
      ["proxy_url"],
      ["ssl_verify", "false", "--acknowledge-ssl-risk"],
    ])
      assert.equal((await ran(server.url, ["cloud", "config", "set", ...args])).code, 0, args.join(" "));
    assert.deepEqual(sent, [
      { webhook_url: "https://train.example.org" },
      { http_timeout: 45 },
      { webhook_allowed_ips: ["10.0.0.0/8", "1.2.3.4"] },
      { hardware_info: { h100: { cost_per_second: 0.001 } } },
      { webhook_require_signature: false },
      { cost_limit_amount: 50 },
      { http_timeout: "soon" },
      { proxy_url: null },
      { ssl_verify: false, ssl_risk_acknowledged: true },
    ]);
    const unknown = await ran(server.url, ["cloud", "config", "set", "colour", "blue"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /There is no setting "colour"\. There are: version_override, /);
    assert.equal((await ran(server.url, ["cloud", "config", "set", "hardware_info", "{"])).code, 2);
    assert.equal(sent.length, 9);
  });

  test("verification is not switched off where nobody can be asked, and the server's sentence is shown", async () => {
    await using server = await fakeServer({
      "PUT /api/cloud/providers/replicate/config": ({ body }) => {
        assert.deepEqual(body, { ssl_verify: false, ssl_risk_acknowledged: false });
        throw new FakeError("ssl_risk_not_acknowledged");
      },
    });
    const { code, err } = await ran(server.url, ["cloud", "config", "set", "ssl_verify", "off"]);
    assert.equal(code, 1);
    assert.match(err, /Disabling SSL verification is a security risk.*confirm with --acknowledge-ssl-risk/);
  });

  test("a token comes from an option or a file, is told with its account, and one that is refused fails", async () => {
    const folder = await mkdtemp(join(tmpdir(), "cloud cli "));
    await writeFile(join(folder, "token"), "r8_from_a_file\nsecond line\n");
    const written = {
      success: true,
      name: "REPLICATE_API_TOKEN",
      file_path: "/s/secrets.json",
      still_in: null,
    };
    const user_info = { username: "ada", name: null, github_url: null, token_source: "file" };
    const sent: unknown[] = [];
    await using server = await fakeServer({
      "PUT /api/cloud/providers/replicate/token": ({ body }) => {
        sent.push(body);
        return sent.length < 3
          ? {
              ...written,
              overridden_by: sent.length === 2 ? "environment" : null,
              valid: true,
              user_info,
              error: null,
            }
          : {
              ...written,
              overridden_by: null,
              valid: false,
              user_info: null,
              error: "Replicate refuses it.",
            };
      },
      "DELETE /api/cloud/providers/replicate/token": () => ({
        ...written,
        overridden_by: null,
        still_in: "vault",
      }),
    });
    const set = (...args: string[]) => ran(server.url, ["cloud", "config", "set-token", ...args], folder);
    const first = await set("--token-file", "token");
    assert.deepEqual(
      [first.code, first.out],
      [0, "Stored in /s/secrets.json. Account ada, token from the file.\n"],
    );
    assert.match((await set("-t", "r8_x")).err, /not used: the environment has another/);
    const refused = await set("-t", "r8_wrong");
    assert.equal(refused.code, 1);
    assert.match(refused.out, /Replicate refuses it\./);
    assert.deepEqual(sent, [
      { api_token: "r8_from_a_file" },
      { api_token: "r8_x" },
      { api_token: "r8_wrong" },
    ]);
    for (const { out, err } of [first, refused]) assert.doesNotMatch(out + err, /r8_/);
    assert.match((await ran(server.url, ["cloud", "config", "delete-token"])).out, /the vault still has one/);
    assert.equal((await set()).code, 1, "nobody can be asked");
    assert.equal((await set("--provider", "local", "-t", "x")).code, 2);
    await rm(folder, { recursive: true });
  });
});

describe("cloud cost-limit and status", () => {
  test("the limit of one provider is shown, set and removed", async () => {
    const none = { enabled: false };
    const limit = {
      provider: "replicate",
      enabled: true,
      limit_amount: 50,
      period: "weekly",
      action: "block",
      slice_minutes: 10,
      current_spend: 10,
      set_aside: 0,
      percent_used: 20,
      is_exceeded: false,
      is_warning: false,
      resets_at: null,
      message: null,
    };
    const sent: unknown[] = [];
    await using server = await fakeServer({
      "GET /api/cloud/cost-limit/status": ({ query }) =>
        query.get("provider") === "replicate" ? limit : none,
      "PUT /api/cloud/cost-limit": ({ body }) => {
        sent.push(body);
        return (body as { amount: unknown }).amount === null ? none : limit;
      },
    });
    const run = (...args: string[]) => ran(server.url, ["cloud", "cost-limit", ...args]);
    assert.match((await run("show")).out, /^replicate: \$10\.00 of \$50\.00 weekly/);
    assert.equal((await run("show", "--provider", "local")).out, "No limit.\n");
    assert.equal((await run("set", "-a", "$50", "--period", "weekly", "--action", "block")).code, 0);
    assert.equal((await run("disable")).out, "The limit is removed.\n");
    assert.deepEqual(sent, [
      { provider: "replicate", amount: 50, period: "weekly", action: "block" },
      { provider: "replicate", amount: null },
    ]);
    for (const args of [["set"], ["set", "-a", "much"], ["set", "-a", "5", "--period", "yearly"]])
      assert.equal((await run(...args)).code, 2, args.join(" "));
  });

  test("the status names what is not ready, what is left alone, and incidents when asked", async () => {
    const provider = { id: "replicate", configured: true, unavailable_reason: "No token.", trainer: null };
    const breaker = { name: "replicate-api", state: "open", retry_after: 12 };
    const incident = {
      name: "H100s are scarce",
      status: "monitoring",
      url: null,
      message: null,
      updated_at: null,
    };
    await using server = await fakeServer({
      "GET /api/cloud/providers": () => ({ providers: [provider] }),
      "GET /api/cloud/circuit-breakers": () => ({ circuit_breakers: [breaker], total: 1 }),
      "GET /api/cloud/replicate/status": () => ({
        operational: false,
        ongoing_incidents: [incident],
        in_progress_maintenances: [],
        scheduled_maintenances: [],
        status_page_url: "https://www.replicatestatus.com",
        error: null,
      }),
    });
    const short = await ran(server.url, ["cloud", "status"]);
    assert.match(short.out, /^replicate +no +No token\.$/m);
    assert.match(short.out, /replicate-api failed several times and is left alone for 12 s\./);
    assert.ok(!server.asked.includes("GET /api/cloud/replicate/status"));
    const long = await ran(server.url, ["cloud", "status", "--replicate"]);
    assert.match(
      long.out,
      /an incident \(https:\/\/www\.replicatestatus\.com\)\n {2}H100s are scarce: monitoring/,
    );
  });
});

describe("secrets on the command line", () => {
  const source = (id: string, more: object = {}) => ({
    id,
    place: `the ${id}`,
    answers: true,
    problem: null,
    warning: null,
    ...more,
  });
  const secrets = [
    { name: "HF_TOKEN", purpose: "pushes", sources: ["file", "vault"] },
    { name: "REPLICATE_API_TOKEN", purpose: null, sources: [] },
  ];

  test("are listed with where they are, stored and removed", async () => {
    const sent: unknown[] = [];
    const written = { success: true, name: "HF_TOKEN", file_path: "/s/secrets.json" };
    await using server = await fakeServer({
      "GET /api/cloud/secrets": () => ({ secrets, sources: [source("file")] }),
      "PUT /api/cloud/secrets/hf-token": ({ body }) => {
        sent.push(body);
        return { ...written, overridden_by: "environment", still_in: null };
      },
      "DELETE /api/cloud/secrets/HF_TOKEN": () => ({ ...written, overridden_by: null, still_in: null }),
    });
    const { out } = await ran(server.url, ["secrets", "list"]);
    assert.match(out, /^HF_TOKEN +file +vault +pushes$/m);
    assert.match(out, /^REPLICATE_API_TOKEN +not set +-/m);
    const set = await ran(server.url, ["secrets", "set", "hf-token", "--value", "hf_secret"]);
    assert.deepEqual([set.code, set.out], [0, "HF_TOKEN is stored in /s/secrets.json.\n"]);
    assert.match(set.err, /not used: the environment has another one/);
    assert.deepEqual(sent, [{ value: "hf_secret" }]);
    assert.equal((await ran(server.url, ["secrets", "delete", "HF_TOKEN"])).out, "Removed HF_TOKEN.\n");
    assert.equal((await ran(server.url, ["secrets", "set", "HF_TOKEN"])).code, 1, "nobody can be asked");
  });

  test("the doctor tells which source answers, why another does not, and fails then", async () => {
    const sources = [
      source("environment"),
      source("file", { warning: "It can be read by others. Run: chmod 600" }),
      source("vault", { answers: false, problem: "Vault is sealed or in maintenance." }),
    ];
    await using server = await fakeServer({ "GET /api/cloud/secrets": () => ({ secrets, sources }) });
    const { code, out, err } = await ran(server.url, ["secrets", "doctor"]);
    assert.equal(code, 1);
    assert.match(out, /^answers +environment/m);
    assert.match(out, /^silent +vault .*\n +Vault is sealed/m);
    assert.match(out, /chmod 600/);
    assert.match(out, /^HF_TOKEN: from file; also in vault, which is not used$/m);
    assert.match(out, /^REPLICATE_API_TOKEN: not set$/m);
    assert.match(err, /1 source cannot be used/);
  });
});
