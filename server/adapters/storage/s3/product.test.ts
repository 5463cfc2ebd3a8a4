import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../../../testing/test-server.ts";
import { trainerScript } from "../../../testing/trainer-scripts.ts";
import { type ExternalBucketServer, startExternalBucket } from "./external-bucket-test-kit.ts";

const weights = "pytorch_lora_weights.safetensors";

/** Leaves four checkpoints and a model; uploads nothing. */
const script = trainerScript(`
for step in 10 20 30 40; do
  mkdir -p "$out/checkpoint-$step"
  printf "weights $step" > "$out/checkpoint-$step/${weights}"
done
echo "Training step 40/40 loss=0.5"
printf model > "$out/${weights}"
`);

describe("the product over an external bucket", () => {
  let external: ExternalBucketServer;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    external = await startExternalBucket();
    const { bucket, prefix, endpoint } = external.options;
    env = {
      SIMPLETUNER_STORAGE_URL: `s3://${bucket}/${prefix}?endpoint=${endpoint}&region=auto`,
      SIMPLETUNER_STORAGE_ACCESS_KEY_ID: "replica",
      SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY: "replica-secret",
    };
  });
  after(() => external.close());

  it("delivers there, gives out from there, and keeps as many checkpoints as the job wants", async () => {
    const servers: TestServer[] = [];
    try {
      const server = await startTestServer({ script, env });
      servers.push(server);
      const { dataloader } = await makeDataset(server.folder);
      const config = { max_train_steps: 40, checkpoints_total_limit: 3 };
      const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
        body: { config, dataloader_config: dataloader },
      });
      const job = await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal, 20_000);
      assert.equal(job.status, "completed");
      const { artifacts } = await server.call("GET /api/cloud/jobs/{job_id}/artifacts", {
        params: { job_id },
      });
      const keys = [...[20, 30, 40].map((step) => `checkpoint-${step}/${weights}`), weights];
      assert.deepEqual(
        artifacts.map(({ key }) => key),
        keys,
      );
      const stored = await external.server.storage.listObjects({
        bucket: "external",
        prefix: `shared/outputs/outputs/${job_id}/`,
        maxKeys: 100,
      });
      assert.deepEqual(
        stored.objects.map(({ key }) => key.split("/").slice(4).join("/")),
        keys,
      );
      const model = await fetch(server.url + job.output_url, { headers: { "x-test-user": "local" } });
      assert.equal(await model.text(), "model");
      const other = await startTestServer({
        script,
        env: { ...env, SIMPLETUNER_STORAGE_DOWNLOADS: "redirect" },
      });
      servers.push(other);
      const headers = { "x-test-user": "local" };
      const sent = await fetch(other.url + job.output_url, { headers, redirect: "manual" });
      assert.equal(sent.status, 307);
      assert.ok(sent.headers.get("location")?.startsWith(`${external.options.endpoint}/external/shared/`));
      assert.equal(await (await fetch(sent.headers.get("location") ?? "")).text(), "model");
      const head = await fetch(other.url + job.output_url, { headers, method: "HEAD", redirect: "manual" });
      assert.equal(head.status, 200);
    } finally {
      for (const server of servers) await server.close();
    }
  });

  it("does not start without it, and says where it looked", async () => {
    const lost = { ...env, SIMPLETUNER_STORAGE_URL: "s3://external?endpoint=http://127.0.0.1:1" };
    await assert.rejects(startTestServer({ script, env: lost }), {
      name: "StartError",
      message: /http:\/\/127\.0\.0\.1:1 does not answer \(ECONNREFUSED\)/,
    });
  });
});
