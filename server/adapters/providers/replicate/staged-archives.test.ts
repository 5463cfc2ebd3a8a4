import assert from "node:assert/strict";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  type ReplicateEmulator,
  startReplicateEmulator,
} from "../../../../e2e/replicate-emulator/emulator.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../../../testing/test-server.ts";
import { eventually } from "../../../testing/trainer-scripts.ts";
import { type ExternalBucketServer, startExternalBucket } from "../../storage/s3/external-bucket-test-kit.ts";

const mebibyte = 1 << 20;

describe("archives that Replicate takes no upload of", () => {
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let bucket: ExternalBucketServer | null;

  beforeEach(async () => {
    bucket = null;
    emulator = await startReplicateEmulator({ predictor: "unpacks" });
  });
  afterEach(async () => {
    await server.close();
    await emulator.close();
    await bucket?.close();
  });

  async function open(env: Record<string, string> = {}): Promise<void> {
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_DATASETS: "archive",
        ...env,
      },
    });
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  }
  async function openWithBucket(): Promise<ExternalBucketServer> {
    bucket = await startExternalBucket();
    await open({
      SIMPLETUNER_STAGING_URL: `s3://external/staged?endpoint=${bucket.options.endpoint}`,
      SIMPLETUNER_STAGING_ACCESS_KEY_ID: "replica",
      SIMPLETUNER_STAGING_SECRET_ACCESS_KEY: "replica-secret",
    });
    return bucket;
  }
  async function body(extraBytes = mebibyte) {
    const { path, dataloader } = await makeDataset(server.folder);
    await truncate(join(path, "one.jpg"), 100 * mebibyte + extraBytes);
    const config = { max_train_steps: 2, model_family: "flux" };
    return { provider: "replicate", config, dataloader_config: dataloader };
  }
  const reachable = () =>
    server.call("PUT /api/cloud/providers/{provider}/config", {
      params: { provider: "replicate" },
      body: { webhook_url: server.url },
    });
  const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 60_000);
  const staged = (): Promise<string[]> =>
    readdir(join(server.stateDir, "cloud_outputs", "datasets"), { recursive: true }).catch(() => []);
  const inBucket = async (): Promise<string[]> =>
    (await bucket!.server.storage.listObjects({ bucket: "external", maxKeys: 1_000 })).objects
      .map(({ key }) => key)
      .filter((key) => key.endsWith("datasets.zip"));

  test("without a place to fetch it from: refused in the plan and at submit, nothing is packed or sent", async () => {
    await open();
    const request = await body(0);
    const plan = await server.call("POST /api/cloud/data-consent/preview", { body: request });
    assert.equal(plan.route.refusal?.code, "archive_over_limit");
    assert.match(plan.route.refusal?.message ?? "", /101 MiB.*100 MiB.*SIMPLETUNER_STAGING_URL/);
    assert.ok(plan.route.size_bytes > (plan.route.limit_bytes ?? 0));
    await assert.rejects(server.call("POST /api/cloud/jobs/submit", { body: request }), /101 MiB/);
    assert.deepEqual(await readdir(join(server.stateDir, "cloud", "packages")).catch(() => []), []);
    assert.equal(emulator.calls.filter(({ operation }) => operation === "upload").length, 0);
  });

  test("with a public address: fetched from this server with an address of its own, and removed", async () => {
    await open();
    await reachable();
    emulator.behaviour.trainMs = 4_000;
    const request = await body();
    const plan = await server.call("POST /api/cloud/data-consent/preview", { body: request });
    assert.deepEqual([plan.route.way, plan.route.refusal], ["staged", null]);
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body: request });
    const running = await waitForJob(server.call, job_id, ({ status }) => status === "running", 30_000);
    assert.equal(running.upload_progress, null);
    const images = String(emulator.predictions[0]?.input["images"]);
    assert.match(images, /\/api\/cloud\/storage\/datasets\/.*X-Amz-Expires=604800/);
    // It opens the archive, and neither something else nor for writing.
    assert.equal((await fetch(images, { headers: { range: "bytes=0-1" } })).status, 206);
    assert.equal((await fetch(images, { method: "PUT", body: "x" })).status, 403);
    const other = images.replace("datasets.zip", "other.zip");
    assert.equal((await fetch(other)).status, 403);
    assert.equal((await ended(job_id)).status, "completed");
    // What was begun to be read is read to its end, however long that takes beside the training that is played.
    await eventually("the archive was read", async () => emulator.predictions[0]?.seen !== null);
    assert.equal(emulator.predictions[0]?.seen?.[0]?.samples.length, 1);
    await eventually("no staged archive", async () => !(await staged()).some((name) => /zip/.test(name)));
    assert.ok([403, 404].includes((await fetch(images)).status));
  });

  test("with a bucket: uploaded in parts, fetched from there, and removed when the job is cancelled", async () => {
    const external = await openWithBucket();
    emulator.behaviour.trainMs = 60_000;
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body: await body() });
    await waitForJob(server.call, job_id, ({ status }) => status === "running", 30_000);
    assert.ok(String(emulator.predictions[0]?.input["images"]).startsWith(external.options.endpoint ?? "-"));
    assert.equal((await inBucket()).length, 1);
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
    assert.equal((await ended(job_id)).status, "cancelled");
    await eventually("an empty bucket", async () => (await inBucket()).length === 0);
  });

  test("a server that stops while it uploads goes on where it was", async () => {
    const external = await openWithBucket();
    let parts = 0;
    external.trouble.current = (message, response) => {
      if (message.method !== "PUT" || !/partNumber=/.test(message.url ?? "")) return undefined;
      parts++;
      if (parts < 4) return undefined;
      // The fourth part never arrives.
      message.resume();
      void response;
      return "handled";
    };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body: await body() });
    await eventually("the fourth part", () => parts >= 4, 20_000);
    await waitForJob(server.call, job_id, ({ upload_progress }) => upload_progress?.stage === "uploading");
    external.trouble.current = null;
    external.requests.length = 0;
    await server.restart();
    assert.equal((await ended(job_id)).status, "completed");
    const sent = external.requests.filter((line) => /^PUT .*partNumber=/.test(line));
    assert.deepEqual(
      sent.map((line) => /partNumber=(\d+)/.exec(line)?.[1]),
      ["4", "5", "6", "7"],
    );
    await eventually("an empty bucket", async () => (await inBucket()).length === 0);
  });

  test("cancelled while it uploads: over at once, the parts are gone, no prediction is made", async () => {
    const external = await openWithBucket();
    external.trouble.current = (message) => {
      if (message.method !== "PUT" || !/partNumber=2/.test(message.url ?? "")) return undefined;
      message.resume();
      return "handled";
    };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body: await body() });
    await eventually("a part", () => external.requests.some((line) => /partNumber=2/.test(line)), 20_000);
    const startedAt = performance.now();
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
    assert.equal((await ended(job_id)).status, "cancelled");
    assert.ok(performance.now() - startedAt < 2_000, `${performance.now() - startedAt} ms`);
    assert.equal(emulator.predictions.length, 0);
    await eventually("no upload", async () => {
      const uploads = await external.server.storage.listUploads("external", "");
      return uploads.length === 0;
    });
  });
});
