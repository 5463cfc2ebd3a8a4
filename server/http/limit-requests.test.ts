import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ErrorBody } from "@simpletuner-cloud/contract/errors.ts";
import { addUser, type Browser, eventsOf, setUp, signIn } from "../testing/account-clients.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

/** What a server of these tests starts with: the built-in rules, and nothing in its environment that changes them. */
const asShipped = { RATE_LIMIT_CALLS: undefined };

interface Asked {
  method?: string;
  from?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Asks as a trusted proxy on this machine passes a request on; without `from` as a program on this machine does. */
async function ask(server: Pick<TestServer, "url">, path: string, { method, from, headers, body }: Asked) {
  const response = await fetch(server.url + path, {
    method: method ?? "GET",
    headers: {
      ...(from !== undefined && { "x-forwarded-for": from }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    redirect: "manual",
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const number = (name: string): number | null => {
    const value = response.headers.get(name);
    return value === null ? null : Number(value);
  };
  return {
    status: response.status,
    text,
    limit: number("x-ratelimit-limit"),
    remaining: number("x-ratelimit-remaining"),
    reset: number("x-ratelimit-reset"),
    retryAfter: number("retry-after"),
  };
}

/** Asks `times` times at once and answers how many were let through and the last refusal. */
async function flood(server: Pick<TestServer, "url">, path: string, times: number, asked: Asked) {
  const answers = await Promise.all(Array.from({ length: times }, () => ask(server, path, asked)));
  const refused = answers.filter(({ status, text }) => status === 429 || /SlowDown/.test(text));
  return { through: times - refused.length, refused: refused.at(-1) };
}

describe("rate limits of the operations guide", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({ accounts: true, env: asShipped });
    await setUp(server);
  });
  after(() => server.close());

  const table: [path: string, method: string, limit: number, seconds: number][] = [
    ["/api/auth/login", "POST", 5, 60],
    ["/api/auth/register", "POST", 3, 60],
    ["/api/auth/api-keys", "POST", 10, 60],
    ["/api/users/me/password", "PUT", 5, 300],
    ["/api/cloud/jobs", "POST", 20, 60],
    ["/api/cloud/jobs/submit", "POST", 20, 60],
    ["/api/cloud/jobs/some-job/cancel", "POST", 30, 60],
    ["/api/webhooks/replicate", "POST", 100, 60],
    ["/api/quotas/me", "GET", 30, 60],
    ["/api/configs", "GET", 100, 60],
    ["/api/nowhere", "DELETE", 100, 60],
  ];
  for (const [at, [path, method, limit, seconds]] of table.entries())
    it(`lets ${limit} of ${method} ${path} through in ${seconds} s, and tells how many are left`, async () => {
      const from = `203.0.113.${at}`;
      const body = method === "GET" || method === "DELETE" ? {} : { body: "{}" };
      const first = await ask(server, path, { method, from, ...body });
      assert.deepEqual([first.limit, first.remaining], [limit, limit - 1]);
      const nowS = Date.now() / 1_000;
      assert.ok(first.reset !== null && first.reset > nowS && first.reset <= nowS + seconds + 2);
      const { through, refused } = await flood(server, path, limit + 5, { method, from, ...body });
      assert.equal(through, limit - 1);
      assert.ok(refused);
      const { error, message, details } = JSON.parse(refused.text) as ErrorBody;
      assert.equal(error, "rate_limit_exceeded");
      assert.deepEqual([details["limit"], details["window_seconds"]], [limit, seconds]);
      assert.match(message, /^Rate limit exceeded: .* Please try again in \d+ seconds\.$/);
      assert.deepEqual([refused.limit, refused.remaining], [limit, 0]);
      assert.ok(refused.retryAfter !== null && refused.retryAfter >= 1 && refused.retryAfter <= seconds);
      const other = await ask(server, path, { method, from: "198.51.100.7", ...body });
      assert.notEqual(other.status, 429, "another address has its own window");
    });

  it("refuses strangers of the storage endpoint as S3 does, with when to come again", async () => {
    const from = "203.0.113.90";
    const { through, refused } = await flood(server, "/api/cloud/storage/outputs/x", 60, { from });
    assert.equal(through, 50);
    assert.ok(refused);
    assert.equal(refused.status, 503);
    assert.match(refused.text, /^<\?xml[^]*<Code>SlowDown<\/Code><Message>Rate limit exceeded: 50 such/);
    assert.ok(refused.retryAfter !== null && refused.retryAfter > 1);
    assert.deepEqual([refused.limit, refused.remaining], [50, 0]);
    const signed = { authorization: "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request" };
    assert.match((await ask(server, "/anywhere", { from, headers: signed })).text, /<Code>SlowDown</);
  });

  it("does not count probes, streams, files and what pages ask for all the time, but counts writing there", async () => {
    const from = "203.0.113.91";
    for (const path of ["/health", "/api/cloud/health/live", "/api/cloud/health/ready", "/static/app.js"])
      assert.equal((await ask(server, path, { from })).limit, null, path);
    for (const path of [
      "/api/events/stream",
      "/api/cloud/hints",
      "/api/users/me",
      "/api/auth/check",
      "/jobs",
    ])
      assert.equal((await ask(server, path, { from })).limit, null, path);
    assert.equal((await ask(server, "/api/cloud/providers", { from })).limit, null);
    assert.equal((await ask(server, "/api/cloud/providers", { from, method: "PUT" })).limit, 100);
    assert.equal((await ask(server, "/api/cloud/providers/replicate/config", { from })).limit, 100);
    assert.equal((await ask(server, "/api/cloud/health", { from })).limit, 100);
    assert.equal((await ask(server, "/openapi.json", { from })).limit, 100);
  });

  it("is not got around by other ways of writing an address", async () => {
    const from = "203.0.113.92";
    for (const path of [
      "/api/auth/%6Cogin",
      "/api/auth/login?x=1",
      "/api/auth/login",
      "/api/x/../auth/login",
    ])
      await ask(server, path, { method: "POST", from, body: "{}" });
    const next = await ask(server, "/api/auth/login", { method: "POST", from, body: "{}" });
    assert.ok(next.remaining !== null && next.remaining <= 1, `${next.remaining} are left`);
    for (const path of ["//api/auth/login", "/api/auth/login/", "/API/auth/login", "/api/auth//login"])
      assert.equal((await ask(server, path, { method: "POST", from, body: "{}" })).status, 404, path);
  });

  it("counts an IPv6 client by its /64", async () => {
    const first = await ask(server, "/api/configs", { from: "2001:db8:7:1::1" });
    const second = await ask(server, "/api/configs", { from: "2001:db8:7:1:ffff::2" });
    const other = await ask(server, "/api/configs", { from: "2001:db8:7:2::1" });
    assert.deepEqual([first.remaining, second.remaining, other.remaining], [99, 98, 99]);
  });

  it("passes what this machine asks itself, and never what only says that it came from there", async () => {
    for (let times = 0; times < 8; times++)
      assert.equal((await ask(server, "/api/auth/register", { method: "POST", body: "{}" })).limit, null);
    const forged = { method: "POST", body: "{}", from: "127.0.0.1" };
    const { through } = await flood(server, "/api/auth/register", 8, forged);
    assert.equal(through, 3);
    const rebound = { method: "POST", body: "{}", headers: { forwarded: "for=127.0.0.1" } };
    assert.equal((await ask(server, "/api/auth/register", rebound)).status, 429);
  });

  it("writes one entry into the audit for a client, a rule and a window", async () => {
    const from = "203.0.113.93";
    const headers = { "user-agent": "curious/1.0" };
    await flood(server, "/api/quotas/me?secret=hf_1", 60, { from, headers });
    const ofClient = async () =>
      (await eventsOf(server, "security.rate_limited")).filter(({ address }) => address === from);
    await eventually("the entry", async () => ((await ofClient()).length > 0 ? true : null));
    await flood(server, "/api/quotas/me", 40, { from, headers });
    await flood(server, "/api/auth/register", 10, { from, headers, method: "POST", body: "{}" });
    await eventually("the other rule's entry", async () => ((await ofClient()).length > 1 ? true : null));
    assert.deepEqual(await ofClient(), [
      {
        actor_id: "",
        actor_name: "",
        address: from,
        rule: "quotas",
        client: from,
        limit: 30,
        window_seconds: 60,
        method: "GET",
        path: "/api/quotas/me",
        user_agent: "curious/1.0",
        times: 1,
      },
      {
        actor_id: "",
        actor_name: "",
        address: from,
        rule: "register",
        client: from,
        limit: 3,
        window_seconds: 60,
        method: "POST",
        path: "/api/auth/register",
        user_agent: "curious/1.0",
        times: 1,
      },
    ]);
  });
});

describe("rate limits of who is signed in", () => {
  let server: TestServer;
  let root: Browser;
  let key: string;
  before(async () => {
    server = await startTestServer({ accounts: true, env: asShipped });
    root = await setUp(server);
    await addUser(root, "ada");
    const ada = await signIn(server, "ada");
    ({ key } = await ada.call("POST /api/auth/api-keys", { body: { name: "k" } }));
  });
  after(() => server.close());

  it("are ten times higher and the same from everywhere; a wrong key is worth nothing", async () => {
    const asks = (from: string, apiKey: string) =>
      ask(server, "/api/cloud/jobs", { from, headers: { "x-api-key": apiKey } });
    const here = await asks("203.0.113.1", key);
    const there = await asks("198.51.100.1", key);
    assert.deepEqual([here.limit, here.remaining, there.remaining], [1_000, 999, 998]);
    const wrong = await asks("203.0.113.1", `st_${"x".repeat(32)}`);
    assert.deepEqual([wrong.status, wrong.limit, wrong.remaining], [401, 100, 99]);
    const headers: Record<string, string>[] = [
      { authorization: "Bearer x" },
      { cookie: "simpletuner_session=x" },
    ];
    for (const header of headers)
      assert.equal((await ask(server, "/api/configs", { from: "203.0.113.1", headers: header })).limit, 100);
  });

  it("are a stranger's where a password could be guessed, and the same for everybody where a job is paid for", async () => {
    const headers = { "x-api-key": key };
    const body = "{}";
    const login = await ask(server, "/api/auth/login", {
      method: "POST",
      from: "203.0.113.2",
      headers,
      body,
    });
    assert.deepEqual([login.limit, login.remaining], [5, 4]);
    const submit = (from: string) =>
      ask(server, "/api/cloud/jobs/submit", { method: "POST", from, headers, body });
    assert.equal((await submit("203.0.113.3")).remaining, 19);
    assert.equal((await submit("203.0.113.4")).remaining, 18);
  });

  it("do not suffer from a stranger behind the same address", async () => {
    const from = "203.0.113.5";
    assert.equal((await flood(server, "/api/configs", 110, { from })).through, 100);
    assert.equal((await ask(server, "/api/configs", { from, headers: { "x-api-key": key } })).status, 200);
  });

  it("count uploads by object begun, and nothing that is read", async () => {
    const created = await root.call("POST /api/cloud/storage-keys", {
      body: { name: "k", access: "readwrite" },
    });
    assert.ok(created.secret_access_key);
    const cookie = [...root.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const read = await ask(server, "/api/cloud/storage/outputs?list-type=2", {
      from: "203.0.113.6",
      headers: { cookie },
    });
    assert.deepEqual([read.status, read.limit], [200, null]);
    const put = await ask(server, "/api/cloud/storage/outputs/a", {
      method: "PUT",
      from: "203.0.113.6",
      headers: { cookie },
      body: "x",
    });
    assert.deepEqual([put.limit, put.remaining], [500, 499]);
  });
});

describe("rate limits of whoever runs the server", () => {
  it("come first, count by their own window, and let through again when it has passed", async () => {
    const rules = [
      ["^/api/configs$", 2, 1, ["GET"]],
      ["^/api/users/me$", 1, 60, null],
    ];
    const env = { ...asShipped, RATE_LIMIT_PERIOD: "30", RATE_LIMIT_RULES: JSON.stringify(rules) };
    const server = await startTestServer({ env: { ...env, RATE_LIMIT_CALLS: "7" } });
    try {
      const from = "203.0.113.1";
      const { through, refused } = await flood(server, "/api/configs", 5, { from });
      assert.deepEqual([through, refused?.limit, refused?.retryAfter], [2, 2, 1]);
      await delay(1_050);
      assert.notEqual((await ask(server, "/api/configs", { from })).status, 429);
      assert.equal((await ask(server, "/api/users/me", { from })).limit, 1, "an excluded path that is named");
      assert.equal((await ask(server, "/api/nowhere", { from })).limit, 7);
    } finally {
      await server.close();
    }
  });

  it("are off with RATE_LIMIT_CALLS=0, and hold for this machine with RATE_LIMIT_LOCALHOST=limit", async () => {
    const off = await startTestServer({ env: { RATE_LIMIT_CALLS: "0" } });
    try {
      const { through } = await flood(off, "/api/auth/login", 30, {
        method: "POST",
        from: "203.0.113.1",
        body: "{}",
      });
      assert.equal(through, 30);
    } finally {
      await off.close();
    }
    const strict = await startTestServer({
      env: { ...asShipped, RATE_LIMIT_LOCALHOST: "limit", SIMPLETUNER_TRUSTED_PROXIES: "10.0.0.0/8" },
    });
    try {
      // Nobody is trusted to say where it comes from: another address in each request makes no other client.
      for (let at = 0; at < 3; at++)
        await ask(strict, "/api/auth/register", { method: "POST", from: `203.0.113.${at}`, body: "{}" });
      const fourth = await ask(strict, "/api/auth/register", { method: "POST", body: "{}" });
      assert.equal(fourth.status, 429);
    } finally {
      await strict.close();
    }
  });
});
