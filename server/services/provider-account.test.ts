import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { type ReplicateEmulator, startReplicateEmulator } from "../../e2e/replicate-emulator/emulator.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";

const config = { model_family: "flux", max_train_steps: 8 };

describe("the account at Replicate", () => {
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let dataloader: Record<string, unknown>[];
  before(async () => {
    emulator = await startReplicateEmulator({ startMs: 50, trainMs: 200, predictor: "unpacks" });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: "",
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_DATASETS: "archive",
        REPLICATE_STATUS_URL: emulator.statusUrl,
        SIMPLETUNER_HTTP_TIMEOUT: "5",
      },
    });
    ({ dataloader } = await makeDataset(server.folder));
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  });
  after(async () => {
    await server.close();
    await emulator.close();
  });

  const setToken = (api_token: string) =>
    server.call("PUT /api/cloud/providers/replicate/token", { body: { api_token } });
  const removeToken = () => server.call("DELETE /api/cloud/providers/replicate/token");
  const validate = () => server.call("GET /api/cloud/providers/replicate/validate");
  const submit = async (): Promise<string> => {
    const body = { provider: "replicate", config, dataloader_config: dataloader };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  };

  test("without a token that is said, and a job is refused with the way out", async () => {
    const check = await validate();
    assert.deepEqual([check.valid, check.user_info], [false, null]);
    assert.match(check.error ?? "", /REPLICATE_API_TOKEN is not set\. Set one, for example with: npx/);
    await assert.rejects(submit(), (error) => {
      assert.ok(error instanceof ApiError && error.code === "provider_unavailable");
      assert.match(error.message, /REPLICATE_API_TOKEN is not set/);
      return true;
    });
  });

  test("a token is stored, checked live and used by the next job, without a restart", async () => {
    await assert.rejects(setToken("hf_wrong"), /^ApiError: api_token: a token of Replicate starts with r8_/);
    const wrong = await setToken("r8_wrong_0123456789");
    assert.deepEqual([wrong.success, wrong.valid, wrong.overridden_by], [true, false, null]);
    assert.match(wrong.error ?? "", /does not accept the token/);
    const right = await setToken(` ${emulator.token}\n`);
    assert.deepEqual(right, {
      success: true,
      name: "REPLICATE_API_TOKEN",
      file_path: join(server.stateDir, "secrets.json"),
      overridden_by: null,
      still_in: null,
      valid: true,
      user_info: { username: "ada", name: "Ada", github_url: "https://github.com/ada", token_source: "file" },
      error: null,
    });
    const done = await waitForJob(server.call, await submit(), (job) => job.is_terminal);
    assert.equal(done.status, "completed", done.error_message ?? "");
  });

  test("a token that is removed stops new jobs; one that runs says why it is not followed, and goes on with the next token", async () => {
    emulator.behaviour.trainMs = 3_000;
    const id = await submit();
    await waitForJob(server.call, id, ({ status, progress }) => status === "running" && progress !== null);
    assert.equal((await removeToken()).still_in, null);
    await assert.rejects(submit(), /REPLICATE_API_TOKEN is not set/);
    const told = await waitForJob(server.call, id, ({ error_code }) => error_code !== null);
    assert.deepEqual([told.status, told.error_code], ["running", "provider_token_missing"]);
    await setToken(emulator.token);
    const done = await waitForJob(server.call, id, (job) => job.is_terminal, 30_000);
    assert.deepEqual([done.status, done.error_message], ["completed", null]);
    emulator.behaviour.trainMs = 200;
  });

  test("a token that was rotated in the file is taken with the next call", async () => {
    const path = join(server.stateDir, "secrets.json");
    await writeFile(path, JSON.stringify({ "replicate-api-token": "r8_rotated_away_01234" }));
    assert.equal((await validate()).valid, false);
    await writeFile(path, JSON.stringify({ "replicate-api-token": emulator.token }));
    assert.equal((await validate()).valid, true);
    await writeFile(path, JSON.stringify({ "replicate-api-token": "r8_two words" }));
    assert.match((await validate()).error ?? "", /holds a blank or a letter that no token has/);
    await rm(path);
    await setToken(emulator.token);
  });

  test("that Replicate is away is no verdict on the token", async () => {
    emulator.faults.set("account", "cut", 20);
    const check = await validate();
    emulator.faults.clear();
    assert.deepEqual([check.valid, check.user_info], [null, null]);
    assert.match(check.error ?? "", /Replicate does not answer/);
  });

  test("versions, the newest first, with what pins each; prices, and that there is no balance", async () => {
    const { versions, current_version } = await server.call("GET /api/cloud/providers/replicate/versions");
    assert.deepEqual([versions.length, current_version], [2, null]);
    const [newest] = versions;
    assert.match(newest?.full_version ?? "", /^simpletuner\/advanced-trainer-h100:[0-9a-f]{64}$/);
    const params = { provider: "replicate" };
    await server.call("PUT /api/cloud/providers/{provider}/config", {
      params,
      body: { version_override: newest?.full_version ?? null },
    });
    const pinned = await server.call("GET /api/cloud/providers/replicate/versions");
    assert.equal(pinned.current_version, newest?.full_version);
    await server.call("PUT /api/cloud/providers/{provider}/config", {
      params,
      body: { version_override: "" },
    });
    const query = { model_id: "nobody/nothing" };
    const none = await server.call("GET /api/cloud/providers/replicate/versions", { query });
    assert.match(none.error ?? "", /could not be found/);
    const billing = await server.call("GET /api/cloud/providers/replicate/billing");
    assert.deepEqual([billing.balance, billing.default_hardware], [null, "h100"]);
    assert.match(billing.balance_note, /no balance/);
    assert.equal((await server.call("POST /api/cloud/billing/refresh")).error, billing.balance_note);
  });

  test("the status page: quiet, an incident, words that are not its own, and away", async () => {
    const status = () => server.call("GET /api/cloud/system-status");
    assert.deepEqual(await server.call("GET /api/cloud/replicate/status"), {
      operational: true,
      ongoing_incidents: [],
      in_progress_maintenances: [],
      scheduled_maintenances: [],
      status_page_url: "https://www.replicatestatus.com",
      error: null,
    });
    const quiet = emulator.behaviour.statusPage as Record<string, unknown>;
    const incident = {
      name: "H100s are scarce",
      status: "monitoring",
      url: "https://x/1",
      last_update_message: "…",
    };
    emulator.behaviour.statusPage = { ...quiet, ongoing_incidents: [incident] };
    const bad = await status();
    assert.deepEqual([bad.operational, bad.ongoing_incidents[0]?.name], [false, "H100s are scarce"]);
    for (const words of [{ hello: 1 }, "<html>", { ongoing_incidents: "none" }]) {
      emulator.behaviour.statusPage = words;
      const odd = await status();
      assert.deepEqual([odd.operational, odd.error !== null], [null, true]);
    }
    emulator.behaviour.statusPage = quiet;
    const headers = emulator.calls
      .filter(({ operation }) => operation === "status")
      .map((call) => call.headers);
    assert.ok(headers.length > 0 && headers.every(({ authorization }) => authorization === undefined));
  });

  test("the token is sent to the API's own origin only and told nowhere", async () => {
    const answers = [
      await validate(),
      await server.call("GET /api/cloud/providers"),
      await server.call("GET /api/cloud/secrets"),
      await server.call("GET /api/cloud/health"),
      await server.call("GET /api/cloud/providers/{provider}/config", { params: { provider: "replicate" } }),
    ];
    assert.ok(!JSON.stringify(answers).includes(emulator.token));
    assert.match(await readFile(join(server.stateDir, "secrets.json"), "utf8"), /r8_/);
  });
});
