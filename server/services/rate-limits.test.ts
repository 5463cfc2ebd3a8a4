import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { addUser, type Browser, codeOf, setUp, signIn } from "../testing/account-clients.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("what an administrator sees of rate limits", () => {
  let server: TestServer;
  let root: Browser;
  let adaId: string;
  let key: string;
  before(async () => {
    server = await startTestServer({ accounts: true, env: { RATE_LIMIT_CALLS: "3" } });
    root = await setUp(server);
    adaId = await addUser(root, "ada");
    const ada = await signIn(server, "ada");
    ({ key } = await ada.call("POST /api/auth/api-keys", { body: { name: "k" } }));
  });
  after(() => server.close());

  const ask = async (from: string, path = "/api/configs", headers: Record<string, string> = {}) => {
    const method = path === "/api/auth/login" ? "POST" : "GET";
    const response = await fetch(server.url + path, {
      method,
      headers: { "x-forwarded-for": from, ...headers },
    });
    await response.arrayBuffer();
    return response.status;
  };

  it("is every rule with what became of its requests on this server", async () => {
    for (let times = 0; times < 5; times++) await ask("203.0.113.1");
    const answer = await root.call("GET /api/cloud/rate-limits");
    assert.deepEqual(
      [answer.enabled, answer.passes_this_machine, answer.suspended_since],
      [true, true, null],
    );
    assert.deepEqual(
      answer.rules.map(({ name }) => name),
      [
        "login",
        "register",
        "api_keys",
        "password",
        "submit",
        "cancel",
        "webhooks",
        "storage",
        "quotas",
        "default",
      ],
    );
    assert.deepEqual(answer.rules.at(-1), {
      name: "default",
      pattern: "^",
      methods: null,
      limit: 3,
      signed_in_limit: 30,
      window_seconds: 60,
      counted_by: "client",
      when_uncounted: "open",
      requests: { allowed: 3, refused: 2, unchecked: 0, closed: 0 },
    });
    assert.equal(answer.violations, 2);
    assert.ok(answer.tracked_clients >= 1);
  });

  it("is told to Prometheus", async () => {
    const path = { body: { prometheus_enabled: true, prometheus_categories: ["rate_limits"] } };
    await root.call("PUT /api/cloud/metrics/config", path);
    const text = await (await root.fetch("/api/cloud/metrics/prometheus")).text();
    assert.match(text, /^simpletuner_rate_limit_violations_total 2$/m);
    assert.match(text, /^simpletuner_rate_limit_violations_by_rule_total\{rule="default"\} 2$/m);
    assert.match(text, /^simpletuner_rate_limit_tracked_clients [1-9]/m);
  });

  it("is how much a client has used, by address, name or as the audit says; looking counts nothing", async () => {
    const usage = (client: string) => root.call("GET /api/cloud/rate-limits/usage", { query: { client } });
    await ask("203.0.113.2");
    for (let times = 0; times < 2; times++)
      assert.deepEqual(await usage("203.0.113.2"), {
        client: "203.0.113.2",
        rules: [{ rule: "default", used: 1, limit: 3, window_seconds: 60, retry_after_seconds: 0 }],
      });
    await ask("2001:db8:7:1::9");
    assert.equal((await usage("2001:db8:7:1:2::3")).rules[0]?.used, 1);
    assert.equal((await usage("2001:DB8:7:1")).rules[0]?.used, 1);
    await ask("203.0.113.3", "/api/cloud/jobs", { "x-api-key": key });
    const own = [{ rule: "default", used: 1, limit: 30, window_seconds: 60, retry_after_seconds: 0 }];
    assert.deepEqual(await usage("Ada"), { client: `user:${adaId}`, rules: own });
    assert.deepEqual((await usage(`user:${adaId}`)).rules, own);
    assert.equal(await codeOf(usage("nobody")), "user_not_found");
  });

  it("lets a client through again, of one rule or of all, and the audit remembers it", async () => {
    const reset = (client: string, rule?: string) =>
      root.call("POST /api/cloud/rate-limits/reset", { body: { client, ...(rule && { rule }) } });
    const from = "203.0.113.4";
    for (let times = 0; times < 4; times++) await ask(from);
    for (let times = 0; times < 6; times++) await ask(from, "/api/auth/login");
    assert.deepEqual([await ask(from), await ask(from, "/api/auth/login")], [429, 429]);
    const left = await reset(from, "default");
    assert.deepEqual(
      left.rules.map(({ rule, used }) => [rule, used]),
      [["login", 5]],
    );
    assert.notEqual(await ask(from), 429);
    assert.equal(await ask(from, "/api/auth/login"), 429);
    assert.deepEqual((await reset(from)).rules, []);
    assert.notEqual(await ask(from, "/api/auth/login"), 429);
    assert.equal(await codeOf(reset(from, "nothing")), "unknown_rate_limit");
    const { entries } = await root.call("GET /api/audit", { query: { event_type: "rate_limits.reset" } });
    assert.deepEqual(
      entries.map(({ details }) => [details["client"], details["rule"]]),
      [
        [from, null],
        [from, "default"],
      ],
    );
  });

  it("is for administrators only", async () => {
    const ada = await signIn(server, "ada");
    assert.equal(await codeOf(ada.call("GET /api/cloud/rate-limits")), "permission_denied");
    assert.equal(
      await codeOf(ada.call("POST /api/cloud/rate-limits/reset", { body: { client: "203.0.113.4" } })),
      "permission_denied",
    );
  });
});
