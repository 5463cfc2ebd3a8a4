import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { gatedTrainer, killProcessesOf, quickTrainer } from "../testing/trainer-scripts.ts";

const config = { model_family: "test", max_train_steps: 10 };
let server: TestServer;
let dataloader: Record<string, unknown>[];

before(async () => {
  server = await startTestServer({ script: quickTrainer });
  ({ dataloader } = await makeDataset(server.folder));
});
after(() => server.close());

async function refused(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError, String(error));
  assert.ok(!error.message.includes("{") && !error.message.includes("?"), error.message);
  return error;
}

const submit = (body: Record<string, unknown> = {}) =>
  server.call("POST /api/cloud/jobs/submit", { body: { config, dataloader_config: dataloader, ...body } });
const over = (jobId: string) => waitForJob(server.call, jobId, (job) => job.is_terminal);

test("a job goes from submit to its model, and everybody reads the same of it", async () => {
  const { job_id, job } = await submit({ name: "first" });
  assert.equal(job.status, "pending");
  const done = await over(job_id);
  assert.deepEqual(
    [done.status, done.attempt, done.error_message, done.progress?.step, done.progress?.loss],
    ["completed", 1, null, 1, 0.5],
  );
  assert.match(
    done.output_url ?? "",
    /^\/api\/cloud\/storage\/outputs\/.*\/pytorch_lora_weights\.safetensors$/,
  );
  const params = { job_id };
  const { artifacts } = await server.call("GET /api/cloud/jobs/{job_id}/artifacts", { params });
  assert.deepEqual(
    artifacts.map(({ key, kind, size_bytes }) => ({ key, kind, size_bytes })),
    [{ key: "pytorch_lora_weights.safetensors", kind: "model", size_bytes: 7 }],
  );
  const { series } = await server.call("GET /api/cloud/jobs/{job_id}/metrics", { params });
  assert.deepEqual(series, [{ key: "loss", steps: [1], values: [0.5] }]);
  const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", { params });
  assert.deepEqual(
    events.filter(({ type }) => type === "job.status").map(({ data }) => data["status"]),
    ["queued", "running", "completed"],
  );
  assert.equal(done.duration_seconds !== null && done.duration_seconds >= 0, true);
});

test("a job keeps a frozen copy of its inputs, without secrets", async () => {
  const secret = "hf_0123456789abcdef";
  await server.call("PUT /api/configs/{name}", {
    params: { name: "frozen" },
    body: { config: { ...config, hub_token: secret, seed: 1 }, dataloader_config: dataloader },
  });
  const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
    body: { config_name_to_load: "frozen" },
  });
  await server.call("PUT /api/configs/{name}", {
    params: { name: "frozen" },
    body: { config: { ...config, seed: 2 }, dataloader_config: dataloader },
  });
  const kept = await server.call("GET /api/cloud/jobs/{job_id}/config", { params: { job_id } });
  assert.equal(kept.config["seed"], 1);
  assert.equal(kept.config["hub_token"], "********");
  assert.ok(!JSON.stringify(kept).includes(secret));
  await over(job_id);
  const folder = join(server.stateDir, "config", "cloud");
  for (const name of await readdir(folder)) {
    const bytes = await readFile(join(folder, name));
    assert.ok(!bytes.includes(secret), `${name} holds the secret`);
  }
});

const badBodies: [title: string, body: Record<string, unknown>, code: string, field: RegExp][] = [
  ["an unknown field", { datset_transfer: "package" }, "validation_error", /datset_transfer/],
  ["a wrong type", { name: 5 }, "validation_error", /name/],
  ["an empty name", { name: "" }, "validation_error", /name/],
  ["an unknown transfer", { dataset_transfer: "fax" }, "validation_error", /dataset_transfer/],
  ["a key that is too long", { idempotency_key: "k".repeat(257) }, "validation_error", /idempotency_key/],
  ["an unknown provider", { provider: "moon" }, "unknown_provider", /moon.*local/],
  [
    "an unknown configuration",
    { config: undefined, config_name_to_load: "nope" },
    "config_not_found",
    /"nope"/,
  ],
  ["a path as a name", { config: undefined, config_name_to_load: "../../etc" }, "config_not_found", /etc/],
  ["no configuration", { config: undefined }, "no_configuration", /config/],
  ["no datasets", { dataloader_config: undefined }, "config_invalid", /dataloader_config/],
  [
    "an unknown dataset list",
    { dataloader_config: undefined, dataloader_name: "no" },
    "config_not_found",
    /"no"/,
  ],
  ["a wrong option", { config: { max_train_steps: "x" } }, "config_invalid", /config\.max_train_steps/],
  [
    "a folder that is missing",
    { dataloader_config: [{ id: "d", instance_data_dir: "/no/such/folder" }] },
    "dataset_missing",
    /"d".*\/no\/such\/folder/,
  ],
  [
    "a file as a folder",
    { dataloader_config: [{ id: "d", instance_data_dir: process.execPath }] },
    "dataset_not_a_folder",
    /is not a folder/,
  ],
];
for (const [title, body, code, field] of badBodies) {
  test(`submit refuses ${title} by name`, async () => {
    const error = await refused(submit(body));
    assert.equal(error.code, code);
    assert.match(error.message, field);
    assert.ok(error.correlationId);
  });
}

test("submit refuses an empty dataset", async () => {
  const { dataloader: empty } = await makeDataset(join(server.folder, "empty"), { ".hidden": "x" });
  const error = await refused(submit({ dataloader_config: empty }));
  assert.equal(error.code, "dataset_empty");
});

test("a body that is no JSON, of another type or too large is refused with the right status", async () => {
  const send = async (body: string, type?: string) => {
    const headers: Record<string, string> = {
      "x-test-user": "local",
      ...(type ? { "content-type": type } : {}),
    };
    const response = await fetch(`${server.url}/api/cloud/jobs/submit`, { method: "POST", headers, body });
    return [response.status, ((await response.json()) as { error: string }).error];
  };
  assert.deepEqual(await send('{"config":', "application/json"), [400, "invalid_json"]);
  assert.deepEqual(await send("{}", "text/plain"), [415, "unsupported_media_type"]);
  assert.deepEqual(await send("[]", "application/json"), [422, "validation_error"]);
  assert.deepEqual(await send("null", "application/json"), [422, "validation_error"]);
  assert.deepEqual(await send('"x"', "application/json; charset=utf-8"), [422, "validation_error"]);
  const large = JSON.stringify({ name: "x".repeat(9 << 20) });
  assert.deepEqual(await send(large, "application/json"), [413, "body_too_large"]);
});

test("reading, cancelling, retrying and deleting what is not there is 404", async () => {
  const params = { job_id: "no-such-job" };
  for (const call of [
    () => server.call("GET /api/cloud/jobs/{job_id}", { params }),
    () => server.call("POST /api/cloud/jobs/{job_id}/cancel", { params }),
    () => server.call("POST /api/cloud/jobs/{job_id}/retry", { params, body: {} }),
    () => server.call("DELETE /api/cloud/jobs/{job_id}", { params }),
    () => server.call("GET /api/cloud/jobs/{job_id}/inline-progress", { params }),
    () => server.call("GET /api/queue/position/{job_id}", { params }),
  ])
    assert.deepEqual([(await refused(call())).status], [404]);
});

test("a finished job is not cancelled, an active one neither retried nor deleted", async () => {
  const folder = join(server.folder, "gate");
  const gated = await startTestServer({ script: gatedTrainer(folder) });
  try {
    await makeDataset(folder);
    const body = { config, dataloader_config: [{ id: "d", instance_data_dir: join(folder, "dataset") }] };
    const { job_id } = await gated.call("POST /api/cloud/jobs/submit", { body });
    const params = { job_id };
    await waitForJob(gated.call, job_id, (job) => job.status === "running");
    for (const error of [
      await refused(gated.call("DELETE /api/cloud/jobs/{job_id}", { params })),
      await refused(gated.call("POST /api/cloud/jobs/{job_id}/retry", { params, body: {} })),
    ])
      assert.deepEqual([error.status, error.code], [409, "invalid_job_state"]);
    await gated.call("POST /api/cloud/jobs/{job_id}/cancel", { params });
    // Asked again while it ends, it is no error.
    await gated.call("POST /api/cloud/jobs/{job_id}/cancel", { params }).catch((error: ApiError) => {
      assert.equal(error.code, "invalid_job_state");
    });
    await waitForJob(gated.call, job_id, (job) => job.status === "cancelled");
    const again = await refused(gated.call("POST /api/cloud/jobs/{job_id}/cancel", { params }));
    assert.deepEqual([again.status, again.code], [409, "invalid_job_state"]);
  } finally {
    await gated.close();
    await killProcessesOf(gated.folder);
    await rm(folder, { recursive: true, force: true });
  }
});

test("retry submits the frozen inputs again, though the saved configuration is gone", async () => {
  const body = { config: { ...config, seed: 7 }, dataloader_config: dataloader };
  await server.call("PUT /api/configs/{name}", { params: { name: "passing" }, body });
  const first = await server.call("POST /api/cloud/jobs/submit", {
    body: { config_name_to_load: "passing" },
  });
  await over(first.job_id);
  await server.call("DELETE /api/configs/{name}", { params: { name: "passing" } });
  const retry = await server.call("POST /api/cloud/jobs/{job_id}/retry", {
    params: { job_id: first.job_id },
    body: {},
  });
  assert.notEqual(retry.job_id, first.job_id);
  assert.equal(retry.job.retry_of, first.job_id);
  assert.equal(retry.job.config_name, "passing");
  const kept = await server.call("GET /api/cloud/jobs/{job_id}/config", { params: { job_id: retry.job_id } });
  assert.equal(kept.config["seed"], 7);
  assert.equal((await over(retry.job_id)).status, "completed");
});

test("delete removes the job, its log and history; its outputs go only when asked", async () => {
  const kept = await submit({ name: "kept outputs" });
  const gone = await submit({ name: "gone outputs" });
  await over(kept.job_id);
  await over(gone.job_id);
  const outputs = join(server.stateDir, "cloud_outputs", "outputs");
  await server.call("DELETE /api/cloud/jobs/{job_id}", { params: { job_id: kept.job_id } });
  await server.call("DELETE /api/cloud/jobs/{job_id}", {
    params: { job_id: gone.job_id },
    query: { keep_outputs: false },
  });
  for (const { job_id } of [kept, gone])
    assert.equal(
      (await refused(server.call("GET /api/cloud/jobs/{job_id}/logs", { params: { job_id } }))).status,
      404,
    );
  const left = await readdir(outputs);
  assert.deepEqual([left.includes(kept.job_id), left.includes(gone.job_id)], [true, false]);
});
