import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { PutProviderConfig } from "@simpletuner-cloud/contract/provider-settings.ts";
import { readStream } from "../testing/stream-reader.ts";
import { startTestServer, storedTexts, type TestServer } from "../testing/test-server.ts";

const params = { provider: "replicate" };

describe("settings of a provider over HTTP", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({ env: { HTTPS_PROXY: "http://ada:environment@proxy.corp:3128" } });
  });
  after(() => server.close());

  const put = (body: PutProviderConfig) =>
    server.call("PUT /api/cloud/providers/{provider}/config", { params, body });
  const get = () => server.call("GET /api/cloud/providers/{provider}/config", { params });
  const refusal = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => "accepted",
      (error: unknown) => (error instanceof ApiError ? `${error.code}: ${error.message}` : String(error)),
    );

  test("defaults come from the environment, without its passwords; other providers say what they are", async () => {
    const { config, set, version } = await get();
    assert.deepEqual([set, version], [[], 0]);
    assert.deepEqual(
      [config.ssl_verify, config.http_timeout, config.proxy_url, config.version_override],
      [true, 30, "http://ada:***@proxy.corp:3128", "simpletuner/advanced-trainer-h100"],
    );
    const ask = (provider: string) =>
      refusal(server.call("GET /api/cloud/providers/{provider}/advanced", { params: { provider } }));
    assert.match(await ask("local"), /^provider_has_no_settings: .*replicate/);
    assert.match(await ask("nowhere"), /^unknown_provider/);
  });

  test("a change is partial, told as an event with its names and its author, and survives a restart", async () => {
    const stream = await readStream(`${server.url}/api/events/stream`, { "x-test-user": "local" });
    const changed = await put({ webhook_url: "https://train.example.org/", http_timeout: 45 });
    assert.deepEqual(
      [changed.set, changed.version, changed.updated_by],
      [["webhook_url", "http_timeout"], 1, "local"],
    );
    const told = await stream.until(({ event }) => event === "provider.configured");
    stream.close();
    assert.deepEqual(told.data["data"], {
      provider: "replicate",
      names: ["webhook_url", "http_timeout"],
      by: "local",
    });
    const short = await server.call("PUT /api/cloud/providers/{provider}", {
      params,
      body: { http_timeout: null, webhook_require_signature: false },
    });
    assert.deepEqual(
      [short.config.http_timeout, short.config.webhook_url],
      [30, "https://train.example.org"],
    );
    assert.equal((await put({ webhook_require_signature: false })).version, 2, "nothing changed");
    await server.restart();
    assert.deepEqual(await get(), short);
  });

  test("a proxy's password is sealed on the disk and hidden in every answer; the answer can be sent back", async () => {
    const { config } = await put({ proxy_url: "http://ada:open%20sesame@proxy:8080" });
    assert.equal(config.proxy_url, "http://ada:***@proxy:8080");
    const kept = await put({ proxy_url: config.proxy_url, http_timeout: 50 });
    assert.equal(kept.config.proxy_url, "http://ada:***@proxy:8080");
    for (const [place, text] of await storedTexts(server)) assert.ok(!text.includes("sesame"), place);
    await put({ proxy_url: null });
  });

  test("with another key the sealed address is told as unreadable, and can be replaced or cleared", async () => {
    for (const proxy_url of [null, "http://proxy:8080"]) {
      await put({ proxy_url: "http://ada:open%20sesame@proxy:8080" });
      await server.stop();
      const keyFile = join(server.stateDir, "credential.key");
      await writeFile(keyFile, `${randomBytes(32).toString("base64")}\n`);
      await server.restart();
      assert.match(await refusal(get()), /^sealed_secret_unreadable: .*set it again/);
      assert.match(await refusal(put({ http_timeout: 50 })), /^sealed_secret_unreadable/);
      assert.match(
        await refusal(put({ proxy_url: "http://ada:***@proxy:8080" })),
        /^sealed_secret_unreadable/,
      );
      const { config, set } = await put({ proxy_url });
      assert.deepEqual(
        [config.proxy_url, set.includes("proxy_url")],
        proxy_url === null ? ["http://ada:***@proxy.corp:3128", false] : [proxy_url, true],
      );
    }
    await put({ proxy_url: null });
  });

  test("two writers never lose a change: partial ones merge, one that names an old version is refused", async () => {
    const { version } = await get();
    const changes = Array.from({ length: 12 }, (_, index) =>
      put(index % 2 ? { webhook_rate_limit_max: 10 + index } : { s3_rate_limit_max: 10 + index }),
    );
    await Promise.all(changes);
    const now = await get();
    // Whichever was last, the other's kind is not lost.
    assert.equal(now.config.webhook_rate_limit_max % 2, 1);
    assert.ok(now.config.webhook_rate_limit_max > 10);
    assert.ok(now.config.s3_rate_limit_max % 2 === 0 && now.config.s3_rate_limit_max >= 10);
    assert.equal(now.version, version + 12);
    assert.match(await refusal(put({ version, http_timeout: 5 })), /^provider_settings_changed: .*by local/);
    assert.equal((await put({ version: now.version, http_timeout: 5 })).config.http_timeout, 5);
    const racing = await Promise.all(
      [6, 7].map((http_timeout) => refusal(put({ version: now.version + 1, http_timeout }))),
    );
    assert.equal(racing.filter((each) => each === "accepted").length, 1);
  });

  test("wrong values are refused with their field, and nothing of the change is kept", async () => {
    const earlier = await get();
    const folder = server.folder;
    await writeFile(join(folder, "empty.pem"), "no certificate\n");
    await writeFile(
      join(folder, "broken.pem"),
      "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n",
    );
    for (const [field, value] of [
      ["http_timeout", 0],
      ["http_timeout", "soon"],
      ["webhook_rate_limit_max", 0],
      ["hardware_info", { h100: { cost_per_second: -1 } }],
      ["hardware_info", { h100: {} }],
      ["webhook_allowed_ips", ["10.0.0.0/99"]],
      ["ssl_ca_bundle", "relative.pem"],
      ["ssl_ca_bundle", join(folder, "missing.pem")],
      ["ssl_ca_bundle", join(folder, "empty.pem")],
      ["ssl_ca_bundle", join(folder, "broken.pem")],
      ["ssl_ca_bundle", folder],
      ["ssl_ca_bundle", "/dev/zero"],
      ["cost_limit_period", "yearly"],
      ["cost_limit_enabled", true],
      ["nonsense", 1],
    ] as const) {
      const body = { webhook_allowed_ips: ["1.2.3.4"], [field]: value } as PutProviderConfig;
      const words = await refusal(put(body));
      assert.match(words, /^validation_error: /);
      assert.ok(
        words.includes(field === "cost_limit_enabled" ? "cost_limit_amount" : field),
        `${field}: ${words}`,
      );
    }
    assert.deepEqual(await get(), earlier);
  });

  test("verification is switched off only by somebody who confirms the risk, once a session", async () => {
    const patch = (body: object) =>
      server.call("PATCH /api/cloud/providers/{provider}/advanced", { params, body });
    assert.match(
      await refusal(patch({ ssl_verify: false })),
      /^ssl_risk_not_acknowledged: Disabling SSL verification is a security risk\./,
    );
    assert.equal((await get()).config.ssl_verify, true);
    assert.equal((await patch({ ssl_verify: false, ssl_risk_acknowledged: true })).ssl_verify, false);
    assert.equal((await patch({ ssl_verify: true })).ssl_verify, true);
    assert.equal((await patch({ ssl_verify: false })).ssl_verify, false);
    const { components, status } = await server.call("GET /api/cloud/health");
    const shown = components.find(({ name }) => name === "tls_verification");
    assert.deepEqual([status, shown?.status], ["degraded", "degraded"]);
    assert.match(shown?.message ?? "", /off for replicate/);
    await patch({ ssl_verify: null });
    assert.ok(
      !(await server.call("GET /api/cloud/health")).components.some(
        ({ name }) => name === "tls_verification",
      ),
    );
  });

  test("the allowlist's switch says what the list does", async () => {
    const patch = (body: object) =>
      server.call("PATCH /api/cloud/providers/{provider}/advanced", { params, body });
    await patch({ webhook_allowed_ips: [] });
    assert.match(
      await refusal(patch({ webhook_ip_allowlist_enabled: true })),
      /^validation_error: webhook_allowed_ips/,
    );
    const on = await patch({ webhook_ip_allowlist_enabled: true, webhook_allowed_ips: ["34.82.0.0/16"] });
    assert.deepEqual([on.webhook_ip_allowlist_enabled, on.webhook_allowed_ips], [true, ["34.82.0.0/16"]]);
    assert.equal((await patch({ webhook_ip_allowlist_enabled: false })).webhook_ip_allowlist_enabled, false);
  });

  test("the spend limit of the provider is the one of the cost endpoints", async () => {
    const { config } = await put({ cost_limit_amount: 25, cost_limit_period: "weekly" });
    assert.deepEqual(
      [
        config.cost_limit_enabled,
        config.cost_limit_amount,
        config.cost_limit_period,
        config.cost_limit_action,
      ],
      [true, 25, "weekly", "warn"],
    );
    const status = () =>
      server.call("GET /api/cloud/cost-limit/status", { query: { provider: "replicate" } });
    assert.deepEqual([(await status()).limit_amount, (await status()).period], [25, "weekly"]);
    await server.call("PUT /api/cloud/cost-limit", {
      body: { provider: "replicate", amount: 30, action: "stop" },
    });
    assert.deepEqual(
      [(await get()).config.cost_limit_amount, (await get()).config.cost_limit_action],
      [30, "stop"],
    );
    assert.equal((await put({ cost_limit_enabled: false })).config.cost_limit_enabled, false);
    assert.equal((await status()).enabled, false);
  });

  test("prices and the default hardware hold for the next question", async () => {
    await put({
      hardware_profile: "l40s-x2",
      hardware_info: {
        l40s: { cost_per_second: 0.002 },
        "l40s-x4": { name: "Four", cost_per_second: 0.005 },
      },
    });
    const { providers } = await server.call("GET /api/cloud/providers");
    const hardware = providers.find(({ id }) => id === "replicate")?.hardware ?? [];
    const price = (id: string) => hardware.find((each) => each.id === id);
    assert.equal(hardware[0]?.id, "l40s-x2");
    assert.deepEqual(
      ["l40s", "l40s-x2", "h100"].map((id) => price(id)?.cost_per_hour_usd),
      [7.2, 14.4, 5.49],
    );
    assert.deepEqual(price("l40s-x4"), { id: "l40s-x4", name: "Four", cost_per_hour_usd: 18 });
    await put({ version_override: "somebody/trainer" });
    const other = (await server.call("GET /api/cloud/providers")).providers.find(
      ({ id }) => id === "replicate",
    );
    assert.deepEqual(
      other?.hardware.map(({ id }) => id),
      ["somebody/trainer"],
    );
  });
});
