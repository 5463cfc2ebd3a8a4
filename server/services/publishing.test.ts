import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { type HubEmulator, startHubEmulator } from "../../e2e/hub-emulator/emulator.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("what models can be published with", () => {
  let server: TestServer;
  let hub: HubEmulator;
  beforeEach(async () => {
    hub = await startHubEmulator();
    server = await startTestServer({
      env: { HF_ENDPOINT: hub.url, HF_TOKEN: "", SIMPLETUNER_PUBLIC_URL: "" },
    });
  });
  afterEach(async () => {
    await server.close();
    await hub.close();
  });

  const save = (token: string) => server.call("POST /api/publishing/token/save", { body: { token } });
  const validate = () => server.call("GET /api/publishing/token/validate");
  const problem = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => assert.fail("it went well"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof ApiError, String(error));
    return `${error.status} ${error.message}`;
  };

  test("a token is asked about, stored once the Hub takes it, and removed", async () => {
    const none = await validate();
    assert.deepEqual([none.valid, none.username], [false, null]);
    assert.match(none.message, /there is no token/);
    assert.match(await problem(save("hf_wrong")), /^422 token: .*wrong, expired or revoked/);
    assert.match((await validate()).message, /there is no token/, "it was not stored");
    assert.deepEqual(await save(hub.token), {
      valid: true,
      username: "ada",
      can_write: true,
      message: "The token is ada's and may write.",
    });
    assert.equal((await validate()).valid, true);
    hub.tokens.set("hf_reads", { account: "ada", role: "read" });
    const reads = await save("hf_reads");
    assert.deepEqual([reads.valid, reads.can_write], [true, false]);
    assert.match(reads.message, /role write/);
    const removed = await server.call("POST /api/publishing/token/logout");
    assert.equal(removed.still_in, null);
    assert.equal((await validate()).valid, false);
  });

  test("a token is stored also when the Hub cannot be asked, and that is told", async () => {
    await hub.close();
    const state = await save("hf_unchecked");
    assert.equal(state.valid, false);
    assert.match(state.message, /cannot be reached/);
    const { secrets } = await server.call("GET /api/cloud/secrets");
    assert.deepEqual(secrets.find(({ name }) => name === "HF_TOKEN")?.sources, ["file"]);
    hub = await startHubEmulator();
  });

  test("repositories and owners are told as far as the token sees them", async () => {
    const none = await server.call("GET /api/publishing/namespaces");
    assert.deepEqual([none.username, none.namespaces], [null, []]);
    assert.match(none.message ?? "", /there is no token/);
    await save(hub.token);
    hub.organisations.set("team", "write").set("readers", "read");
    const { namespaces, organizations } = await server.call("GET /api/publishing/namespaces");
    assert.deepEqual(
      [namespaces, organizations],
      [
        ["ada", "team"],
        ["team", "readers"],
      ],
    );
    const check = (repo_id: string) =>
      server.call("POST /api/publishing/repository/check", { body: { repo_id } });
    const free = await check("ada/new-model");
    assert.deepEqual([free.exists, free.available, free.private], [false, true, null]);
    hub.models.set("ada/old", { private: true, commits: [], files: new Map() });
    hub.models.set("bob/secret", { private: true, commits: [], files: new Map() });
    const old = await check("ada/old");
    assert.deepEqual([old.exists, old.available, old.private], [true, false, true]);
    const foreign = await check("bob/secret");
    assert.deepEqual([foreign.exists, foreign.available], [false, false]);
    assert.match(foreign.message, /does not belong to bob/);
    assert.match(await problem(check("no slash")), /^422 repo_id/);
  });

  test("this server is one of the places once it has an address", async () => {
    const before = await server.call("GET /api/cloud/local-upload/config");
    assert.deepEqual([before.enabled, before.config_json], [false, null]);
    assert.match(before.message ?? "", /start a tunnel/);
    const params = { provider: "replicate" };
    const body = { webhook_url: "https://train.example.org" };
    await server.call("PUT /api/cloud/providers/{provider}/config", { params, body });
    const config = await server.call("GET /api/cloud/local-upload/config");
    const endpoint_url = "https://train.example.org/api/cloud/storage";
    assert.deepEqual([config.enabled, config.endpoint_url, config.bucket], [true, endpoint_url, "outputs"]);
    const [entry] = JSON.parse(config.config_json ?? "[]") as Record<string, unknown>[];
    assert.deepEqual(
      [entry?.["provider"], entry?.["bucket"], entry?.["endpoint_url"], entry?.["use_ssl"]],
      ["s3", "outputs", endpoint_url, true],
    );
    const status = await server.call("GET /api/cloud/publishing/status");
    assert.deepEqual(
      [status.local_upload_available, status.local_upload_url, status.hf_configured, status.message],
      [true, endpoint_url, false, null],
    );
  });

  test("a saved configuration's own publishing is told", async () => {
    await save(hub.token);
    await server.call("PUT /api/configs/{name}", {
      params: { name: "lighthouse" },
      body: { config: { max_train_steps: 10, push_to_hub: true, hub_model_id: "ada/lighthouse" } },
    });
    const query = { config_name: "lighthouse" };
    const status = await server.call("GET /api/cloud/publishing/status", { query });
    assert.deepEqual(
      [status.push_to_hub, status.hub_model_id, status.hf_username, status.hf_token_valid],
      [true, "ada/lighthouse", "ada", true],
    );
    const missing = server.call("GET /api/cloud/publishing/status", { query: { config_name: "none" } });
    assert.match(await problem(missing), /^404/);
  });

  test("the license of a family is that of its base model", async () => {
    const license = (model_family: string) =>
      server.call("POST /api/publishing/license", { body: { model_family } });
    assert.deepEqual(await license("flux"), {
      model_family: "flux",
      license: "other",
      license_name: "flux-1-dev-non-commercial-license",
    });
    assert.equal((await license("sdxl")).license, "openrail++");
    assert.equal((await license("unheard-of")).license, null);
  });

  test("who may not change settings stores no token", async () => {
    const body = { token: hub.token };
    assert.match(await problem(server.as("ada")("POST /api/publishing/token/save", { body })), /^403/);
    assert.match(await problem(server.as("ada")("POST /api/publishing/token/logout")), /^403/);
    assert.equal((await server.as("ada")("GET /api/publishing/token/validate")).valid, false);
  });
});
