import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { statePaths } from "../config/state-paths.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { quickTrainer, trainerScript } from "../testing/trainer-scripts.ts";

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : (error as Error).name),
  );

describe("limits of what jobs store", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      script: trainerScript(
        'out=$(sed -n \'s/.*"output_dir": *"\\([^"]*\\)".*/\\1/p\' "$CONFIG_PATH"); head -c 3000 /dev/zero > "$out/pytorch_lora_weights.safetensors"',
      ),
    });
  });
  after(() => server.close());

  const limit = (jobBytes: number | null, userBytes: number | null) =>
    server.call("PUT /api/cloud/storage-settings", {
      body: { keep_checkpoints: null, quota_job_bytes: jobBytes, quota_user_bytes: userBytes },
    });
  const submit = async (name: string): Promise<string> => {
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 1 }, dataloader_config: dataloader };
    return (await server.as(name)("POST /api/cloud/jobs/submit", { body })).job_id;
  };

  it("are changed by administrators only, and told to everybody", async () => {
    const body = { keep_checkpoints: 2, quota_job_bytes: 5_000, quota_user_bytes: null };
    assert.equal(
      await codeOf(server.as("ada")("PUT /api/cloud/storage-settings", { body })),
      "permission_denied",
    );
    assert.deepEqual(await server.call("PUT /api/cloud/storage-settings", { body }), body);
    assert.deepEqual(await server.as("ada")("GET /api/cloud/storage-settings"), body);
    const wrong = { ...body, quota_job_bytes: 0 };
    assert.equal(
      await codeOf(server.call("PUT /api/cloud/storage-settings", { body: wrong })),
      "validation_error",
    );
  });

  it("keep a finished model waiting until there is room, and lose nothing", async () => {
    await limit(1_000, null);
    const job = await submit("ada");
    const waiting = await waitForJob(server.call, job, ({ error_code }) => error_code === "quota_exceeded");
    assert.match(waiting.error_message ?? "", new RegExp(`quota of job ${job}: 0 of 1000 bytes`));
    assert.ok(waiting.is_active);
    await limit(10_000, null);
    const done = await waitForJob(server.call, job, ({ is_terminal }) => is_terminal, 20_000);
    assert.deepEqual([done.status, done.error_message], ["completed", null]);
  });

  it("count all jobs of one user together, and nobody else's", async () => {
    await limit(null, 7_000);
    const second = await submit("ada");
    await waitForJob(server.call, second, ({ status }) => status === "completed");
    const third = await submit("ada");
    const full = await waitForJob(server.call, third, ({ error_code }) => error_code === "quota_exceeded");
    assert.match(full.error_message ?? "", /quota of user ada/);
    const other = await submit("bob");
    await waitForJob(server.call, full.job_id, ({ is_active }) => is_active);
    await server.as("ada")("DELETE /api/cloud/jobs/{job_id}/artifacts", {
      params: { job_id: second },
      query: { key: "pytorch_lora_weights.safetensors" },
    });
    for (const job of [third, other])
      assert.equal(
        (await waitForJob(server.call, job, ({ is_terminal }) => is_terminal, 20_000)).status,
        "completed",
      );
  });

  it("refuse an upload by its declared length with S3's own code", async () => {
    await limit(4_000, null);
    const job = await submit("ada");
    await waitForJob(server.call, job, ({ status }) => status === "completed");
    const made = await server.call("POST /api/cloud/storage-keys", {
      body: { name: "w", access: "readwrite" },
    });
    const client = new S3Client({
      endpoint: `${server.url}/api/cloud/storage`,
      region: "auto",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: made.key.access_key_id, secretAccessKey: made.secret_access_key },
    });
    const put = (bytes: number) =>
      codeOf(
        client.send(
          new PutObjectCommand({ Bucket: "outputs", Key: `${job}/more`, Body: Buffer.alloc(bytes) }),
        ),
      );
    assert.equal(await put(2_000), "QuotaExceeded");
    assert.equal(await put(500), "accepted");
  });
});

describe("the rate of uploads with a job's own credential", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      script: quickTrainer,
      env: {
        RATE_LIMIT_CALLS: "5000",
        RATE_LIMIT_LOCALHOST: "limit",
        RATE_LIMIT_RULES: JSON.stringify([["^/api/cloud/storage/", 3, 60, ["PUT", "POST"]]]),
      },
    });
    await server.call("POST /api/queue/concurrency", { body: { max_concurrent: 2 } });
  });
  after(() => server.close());

  /** A job that trains until it is cancelled, and what it uploads with, as its trainer is told. */
  const running = async () => {
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 1, hold: "hold" }, dataloader_config: dataloader };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    await waitForJob(server.call, job_id, ({ status }) => status === "running");
    const folder = join(statePaths(server.stateDir).jobs, job_id);
    const config = (await readdir(folder, { recursive: true })).find((path) => path.endsWith("config.json"));
    const told = JSON.parse(await readFile(join(folder, config ?? ""), "utf8")) as {
      publishing_config: [{ endpoint_url: string; access_key: string; secret_key: string }];
    };
    const [{ endpoint_url: endpoint, access_key: accessKeyId, secret_key: secretAccessKey }] =
      told.publishing_config;
    const client = new S3Client({
      endpoint,
      region: "auto",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId, secretAccessKey },
    });
    const at = (name: string) => ({ Bucket: "outputs", Key: `${job_id}/${name}` });
    return {
      jobId: job_id,
      secretAccessKey,
      put: (name: string) => codeOf(client.send(new PutObjectCommand({ ...at(name), Body: "x" }))),
      read: (name: string) => codeOf(client.send(new GetObjectCommand(at(name)))),
      async putInParts(name: string): Promise<void> {
        const { UploadId } = await client.send(new CreateMultipartUploadCommand(at(name)));
        const parts = [];
        for (const [index, size] of [5 << 20, 5 << 20, 1].entries()) {
          const part = { ...at(name), UploadId, PartNumber: index + 1, Body: Buffer.alloc(size) };
          const { ETag } = await client.send(new UploadPartCommand(part));
          parts.push({ ETag, PartNumber: index + 1 });
        }
        const MultipartUpload = { Parts: parts };
        await client.send(new CompleteMultipartUploadCommand({ ...at(name), UploadId, MultipartUpload }));
      },
    };
  };

  it("is each job's own, wherever and however it proves itself: an object counts once, its parts and reading do not", async () => {
    const [one, other] = await Promise.all([running(), running()]);
    await one.putInParts("checkpoint-1/model.safetensors");
    assert.deepEqual([await one.put("a"), await one.put("b")], ["accepted", "accepted"]);
    for (let turn = 0; turn < 5; turn++) assert.equal(await one.read("a"), "accepted");
    assert.equal(await one.put("c"), "SlowDown");
    const elsewhere = await fetch(`${server.url}/api/cloud/storage/outputs/${one.jobId}/d`, {
      method: "PUT",
      headers: { "x-upload-token": one.secretAccessKey, "x-forwarded-for": "203.0.113.9" },
      body: "x",
    });
    assert.deepEqual(
      [elsewhere.status, elsewhere.headers.get("x-ratelimit-limit"), /SlowDown/.test(await elsewhere.text())],
      [503, "3", true],
    );
    assert.ok(Number(elsewhere.headers.get("retry-after")) > 0);
    assert.equal(await other.put("a"), "accepted");
    const used = async ({ jobId }: { jobId: string }) =>
      (
        await server.call("GET /api/cloud/rate-limits/usage", { query: { client: `job:${jobId}` } })
      ).rules.find(({ rule }) => rule === "custom_1")?.used;
    assert.deepEqual([await used(one), await used(other)], [3, 1]);
    await server.call("POST /api/cloud/rate-limits/reset", { body: { client: `job:${one.jobId}` } });
    assert.equal(await one.put("c"), "accepted");
    for (const { jobId } of [one, other])
      await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: jobId } });
  });
});
