import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { type ReplicateEmulator, startReplicateEmulator } from "../../e2e/replicate-emulator/emulator.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let emulator: ReplicateEmulator;
let server: TestServer;
before(async () => {
  emulator = await startReplicateEmulator();
  server = await startTestServer({
    env: {
      REPLICATE_API_TOKEN: emulator.token,
      REPLICATE_BASE_URL: emulator.baseUrl,
      REPLICATE_STATUS_URL: emulator.statusUrl,
    },
  });
});
after(async () => {
  await server.close();
  await emulator.close();
});

const breaker = async (name: string) =>
  (await server.call("GET /api/cloud/circuit-breakers")).circuit_breakers.find((each) => each.name === name);
const component = async (name: string) =>
  (await server.call("GET /api/cloud/health")).components.find((each) => each.name === name);
const status = () => server.call("GET /api/cloud/replicate/status");
const reset = (name: string) =>
  server.call("POST /api/cloud/circuit-breakers/{breaker}/reset", { params: { breaker: name } });

test("a service that fails is left alone, which the list and the health tell, until somebody resets it", async () => {
  assert.deepEqual(await breaker("replicate-status"), {
    name: "replicate-status",
    state: "closed",
    failure_count: 0,
    success_count: 0,
    last_failure: null,
    retry_after: null,
  });
  emulator.faults.set("status", "500", 99);
  // Each question is asked twice.
  for (let index = 0; index < 3; index++) assert.equal((await status()).operational, null);
  const open = await breaker("replicate-status");
  assert.deepEqual([open?.state, open?.failure_count], ["open", 5]);
  assert.ok((open?.retry_after ?? 0) > 20 && (open?.retry_after ?? 0) <= 30);
  assert.equal((await component("circuit_breaker_replicate-status"))?.status, "degraded");
  assert.equal((await component("circuit_breaker_replicate-api"))?.status, "healthy");
  const asked = emulator.calls.length;
  assert.match((await status()).error ?? "", /failed several times in a row/);
  assert.equal(emulator.calls.length, asked);

  await server.restart();
  assert.equal((await breaker("replicate-status"))?.state, "open", "known to whoever shares the state");

  emulator.faults.clear();
  assert.equal((await reset("replicate-status")).state, "closed");
  assert.equal((await status()).operational, true);
});

test("only an administrator resets, and only what there is", async () => {
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => "accepted",
      (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
    );
  assert.equal(await codeOf(reset("nothing")), "circuit_breaker_not_found");
  const ada = server.as("ada")("POST /api/cloud/circuit-breakers/{breaker}/reset", {
    params: { breaker: "replicate-status" },
  });
  assert.equal(await codeOf(ada), "permission_denied");
});

test("changed network settings begin anew: what failed on the old way says nothing of the new one", async () => {
  const put = (body: object) =>
    server.call("PUT /api/cloud/providers/{provider}/config", { params: { provider: "replicate" }, body });
  await put({ proxy_url: "http://127.0.0.1:9" });
  for (let index = 0; index < 3; index++) await status();
  assert.equal((await breaker("replicate-status"))?.state, "open");
  await put({ proxy_url: null });
  assert.equal((await status()).operational, true);
  assert.equal((await breaker("replicate-status"))?.state, "closed");
});
