import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { quickTrainer } from "../testing/trainer-scripts.ts";

const dayMs = 24 * 3_600_000;
const config = { model_family: "test", max_train_steps: 10 };
let server: TestServer;
let dataloader: Record<string, unknown>[];
let skewMs = 0;

before(async () => {
  server = await startTestServer({ script: quickTrainer, now: () => Date.now() + skewMs });
  ({ dataloader } = await makeDataset(server.folder));
});
after(() => server.close());

type Body = Record<string, unknown>;
const submitAs = (name: string, body: Body) =>
  server.as(name)("POST /api/cloud/jobs/submit", {
    body: { config, dataloader_config: dataloader, ...body },
  });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
const total = async (name: string) => (await server.as(name)("GET /api/cloud/jobs")).total;

test("twenty equal requests at once make one job", async () => {
  const before_ = await total("ada");
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => submitAs("ada", { idempotency_key: "twenty", name: "one" })),
  );
  assert.equal(new Set(answers.map(({ job_id }) => job_id)).size, 1);
  assert.equal(answers.filter(({ idempotent_hit }) => !idempotent_hit).length, 1);
  assert.equal(await total("ada"), before_ + 1);
  const done = await waitForJob(server.as("ada"), answers[0]!.job_id, (job) => job.is_terminal);
  assert.equal(done.status, "completed");
  // Much later the same key still answers the job, with the state it has now.
  const late = await submitAs("ada", { idempotency_key: "twenty", name: "one" });
  assert.deepEqual([late.job_id, late.status, late.idempotent_hit], [done.job_id, "completed", true]);
});

test("a key that comes with another request is refused, also when both come at once", async () => {
  await submitAs("ada", { idempotency_key: "mine", name: "a" });
  for (const body of [
    { name: "b" },
    { name: "a", config: { ...config, seed: 1 } },
    { name: "a", config_name: "c" },
  ])
    assert.equal(
      await codeOf(submitAs("ada", { idempotency_key: "mine", ...body })),
      "idempotency_key_reused",
    );
  const both = await Promise.all(
    ["x", "y"].map((name) => codeOf(submitAs("ada", { idempotency_key: "race", name }))),
  );
  assert.deepEqual(both.sort(), ["accepted", "idempotency_key_reused"]);
});

test("the key of another user is another key", async () => {
  const ada = await submitAs("ada", { idempotency_key: "shared" });
  const bob = await submitAs("bob", { idempotency_key: "shared", name: "quite different" });
  assert.notEqual(ada.job_id, bob.job_id);
  assert.equal(bob.idempotent_hit, false);
});

test("a key is answered though the named configuration changed or went meanwhile", async () => {
  const params = { name: "moving" };
  const body = { config_name_to_load: "moving", idempotency_key: "named" };
  await server.call("PUT /api/configs/{name}", { params, body: { config, dataloader_config: dataloader } });
  const first = await server.call("POST /api/cloud/jobs/submit", { body });
  await server.call("PUT /api/configs/{name}", {
    params,
    body: { config: { ...config, seed: 9 }, dataloader_config: dataloader },
  });
  assert.equal((await server.call("POST /api/cloud/jobs/submit", { body })).job_id, first.job_id);
  await server.call("DELETE /api/configs/{name}", { params });
  assert.equal((await server.call("POST /api/cloud/jobs/submit", { body })).job_id, first.job_id);
});

test("a retry's key belongs to the job that is retried", async () => {
  const [one, two] = [await submitAs("ada", {}), await submitAs("ada", {})];
  const ada = server.as("ada");
  for (const { job_id } of [one, two]) await waitForJob(ada, job_id, (job) => job.is_terminal);
  const retry = (job_id: string) =>
    ada("POST /api/cloud/jobs/{job_id}/retry", { params: { job_id }, body: { idempotency_key: "again" } });
  const answers = await Promise.all([retry(one.job_id), retry(one.job_id)]);
  assert.equal(answers[0]!.job_id, answers[1]!.job_id);
  assert.equal(await codeOf(retry(two.job_id)), "idempotency_key_reused");
});

test("a key is forgotten after a day, and with its job", async () => {
  const first = await submitAs("ada", { idempotency_key: "old" });
  await waitForJob(server.as("ada"), first.job_id, (job) => job.is_terminal);
  skewMs = dayMs - 60_000;
  assert.equal((await submitAs("ada", { idempotency_key: "old" })).job_id, first.job_id);
  skewMs = dayMs + 60_000;
  const second = await submitAs("ada", { idempotency_key: "old" });
  assert.notEqual(second.job_id, first.job_id);
  await waitForJob(server.as("ada"), second.job_id, (job) => job.is_terminal);
  await server.as("ada")("DELETE /api/cloud/jobs/{job_id}", { params: { job_id: second.job_id } });
  assert.notEqual((await submitAs("ada", { idempotency_key: "old" })).job_id, second.job_id);
});
