import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { trainerScript } from "../testing/trainer-scripts.ts";

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
