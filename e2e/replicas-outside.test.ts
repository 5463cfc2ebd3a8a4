import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import {
  type ExternalBucketServer,
  startExternalBucket,
} from "../server/adapters/storage/s3/external-bucket-test-kit.ts";
import { statePaths } from "../server/config/state-paths.ts";
import { signWebhook, webhookKey } from "../server/domain/webhook-signature.ts";
import { makeDataset, waitForJob } from "../server/testing/test-server.ts";
import { eventually, gatedTrainer } from "../server/testing/trainer-scripts.ts";
import { type ReplicateEmulator, startReplicateEmulator } from "./replicate-emulator/emulator.ts";
import {
  type ReplicaServer,
  type ReplicaSite,
  replicaSkip,
  startReplicaSite,
} from "./testing/replica-site.ts";

const model = "pytorch_lora_weights.safetensors";

describe(
  "three servers whose jobs run at Replicate and whose outputs lie in a bucket",
  { skip: replicaSkip },
  () => {
    let bucket: ExternalBucketServer;
    let emulator: ReplicateEmulator;
    let site: ReplicaSite;
    let dataloader: Awaited<ReturnType<typeof makeDataset>>["dataloader"];
    before(async () => {
      bucket = await startExternalBucket();
      emulator = await startReplicateEmulator({ startMs: 50, trainMs: 1_000, predictor: "unpacks" });
      const { endpoint } = bucket.options;
      site = await startReplicaSite(gatedTrainer, {
        env: {
          SIMPLETUNER_LOG_LEVEL: "debug",
          SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true",
          SIMPLETUNER_STORAGE_URL: `s3://external/shared/outputs?endpoint=${encodeURIComponent(endpoint ?? "")}`,
          SIMPLETUNER_STORAGE_ACCESS_KEY_ID: "replica",
          SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY: "replica-secret",
          REPLICATE_API_TOKEN: emulator.token,
          REPLICATE_BASE_URL: emulator.baseUrl,
          REPLICATE_STATUS_URL: emulator.statusUrl,
          REPLICATE_DATASETS: "archive",
        },
      });
      ({ dataloader } = await makeDataset(site.folder));
      await site.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
      await site.call("POST /api/queue/concurrency", { body: { max_concurrent: 10 } });
      await site.call("PUT /api/cloud/providers/{provider}/config", {
        params: { provider: "replicate" },
        body: { webhook_url: site.url },
      });
    });
    after(async () => {
      await site?.close();
      await emulator?.close();
      await bucket?.close();
    });

    const submit = async ({ call }: Pick<ReplicaServer, "call">): Promise<string> => {
      const config = { max_train_steps: 4, model_family: "flux" };
      const body = { provider: "replicate", config, dataloader_config: dataloader };
      return (await call("POST /api/cloud/jobs/submit", { body })).job_id;
    };
    const ended = (jobId: string): Promise<Job> =>
      waitForJob(site.call, jobId, ({ is_terminal }) => is_terminal, 40_000);
    /** The model as one server gives it out. */
    const modelAt = async ({ url }: Pick<ReplicaServer, "url">, jobId: string): Promise<Buffer> => {
      const answer = await fetch(`${url}/api/cloud/storage/outputs/${jobId}/${model}`, {
        headers: { "x-api-key": site.token },
      });
      assert.equal(answer.status, 200, `${url}: ${answer.status}`);
      return Buffer.from(await answer.arrayBuffer());
    };
    const heardAt = ({ process }: ReplicaServer): number =>
      process
        .log()
        .split("\n")
        .filter((line) => line.includes('"path":"/api/webhooks/replicate"')).length;
    const leader = (): ReplicaServer | null =>
      site.servers.findLast(({ process }) => /"this server leads"/.test(process.log())) ?? null;

    it("are told of runs at any of them, and give out what one stored at all of them", async () => {
      const jobs = await Promise.all([...site.servers, site].map(submit));
      for (const jobId of jobs) {
        const { status, error_message: why } = await ended(jobId);
        assert.deepEqual([status, why], ["completed", null]);
        const { artifacts } = await site.call("GET /api/cloud/jobs/{job_id}/artifacts", {
          params: { job_id: jobId },
        });
        assert.ok(artifacts.some(({ key }) => key === model));
        for (const server of [...site.servers, site])
          assert.deepEqual(await modelAt(server, jobId), Buffer.from(emulator.behaviour.files[model] ?? ""));
      }
      assert.equal(emulator.predictions.length, jobs.length);
      // Two deliveries for each run, each taken, and not all by one server.
      assert.equal(emulator.webhooks.sent.length, 2 * jobs.length);
      for (const { answer } of emulator.webhooks.sent) assert.equal(answer, 200);
      const heard = site.servers.map(heardAt);
      assert.ok(heard.filter((deliveries) => deliveries > 0).length >= 2, heard.join());
      const { objects } = await bucket.server.storage.listObjects({
        bucket: "external",
        prefix: "shared/outputs/",
        maxKeys: 1_000,
      });
      for (const jobId of jobs)
        assert.ok(
          objects.some(({ key }) => key.endsWith(`/${jobId}/${model}`)),
          jobId,
        );
      const local = await readdir(statePaths(site.stateDir).outputs, { recursive: true }).catch(() => []);
      assert.deepEqual(
        local.filter((path) => path.endsWith(model)),
        [],
      );
    });

    /** A delivery as Replicate would send it. */
    const deliver = async (
      { url }: Pick<ReplicaServer, "url">,
      { id, predictionId }: { id: string; predictionId: string | undefined },
    ): Promise<[status: number, answer: string]> => {
      const body = JSON.stringify({ id: predictionId, status: "succeeded" });
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const signature = signWebhook(webhookKey(emulator.webhooks.secret()), id, timestamp, Buffer.from(body));
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
      };
      const answer = await fetch(`${url}/api/webhooks/replicate`, { method: "POST", headers, body });
      return [answer.status, ((await answer.json()) as { status: string }).status];
    };

    it("take a delivery once, whichever of them it comes to", async () => {
      const predictionId = emulator.predictions[0]?.id;
      const answers: unknown[] = [];
      for (const server of site.servers)
        answers.push(await deliver(server, { id: "msg_twice", predictionId }));
      assert.deepEqual(answers, [
        [200, "received"],
        [200, "duplicate"],
        [200, "duplicate"],
      ]);
    });

    it("have the one that follows a run look at it, whichever of them is told", async () => {
      const looks = () => emulator.calls.filter(({ operation }) => operation === "get").length;
      emulator.behaviour.trainMs = 60_000;
      const before_ = looks();
      const jobId = await submit(site);
      // By now looks are two seconds apart.
      await eventually("the first looks", () => looks() >= before_ + 5, 20_000);
      const predictionId = emulator.predictions.at(-1)?.id;
      const isLookedAt = async (server: ReplicaServer, id: string): Promise<boolean> => {
        const last = looks();
        await eventually("the next look", () => looks() > last);
        const told = looks();
        assert.deepEqual(await deliver(server, { id, predictionId }), [200, "received"]);
        return eventually("a look", () => looks() > told, 1_300).catch(() => false);
      };
      // One of two does not follow it.
      for (const [index, server] of site.servers.slice(0, 2).entries()) {
        let isHeard = false;
        // A busy machine may be late.
        for (let turn = 0; turn < 3 && !isHeard; turn++)
          isHeard = await isLookedAt(server, `msg_${index}_${turn}`);
        assert.ok(isHeard, `what server ${index} was told led to no look`);
      }
      await site.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id: jobId } });
      assert.equal((await ended(jobId)).status, "cancelled");
    });

    it("put an object into the bucket whose parts came to different servers", async () => {
      const { key } = await site
        .call("POST /api/cloud/storage-keys", {
          body: { name: "laptop", access: "readwrite" },
        })
        .then(({ key: made, secret_access_key: secretAccessKey }) => ({
          key: { accessKeyId: made.access_key_id, secretAccessKey },
        }));
      const at = site.servers.map(
        ({ url }) =>
          new S3Client({
            endpoint: `${url}/api/cloud/storage`,
            region: "auto",
            forcePathStyle: true,
            credentials: key,
          }),
      );
      const [first, second, third] = at as [S3Client, S3Client, S3Client];
      const object = { Bucket: "outputs", Key: "by-hand/large.bin" };
      const pieces = [Buffer.alloc(5 << 20, 1), Buffer.alloc(5 << 20, 2), Buffer.from("end")];
      const { UploadId } = await first.send(new CreateMultipartUploadCommand(object));
      const Parts = await Promise.all(
        pieces.map(async (Body, index) => {
          const part = { ...object, UploadId, PartNumber: index + 1, Body };
          const { ETag } = await (at[index] as S3Client).send(new UploadPartCommand(part));
          return { ETag, PartNumber: index + 1 };
        }),
      );
      await second.send(
        new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }),
      );
      const { Body } = await third.send(new GetObjectCommand(object));
      assert.ok(Buffer.concat(pieces).equals(Buffer.from((await Body?.transformToByteArray()) ?? [])));
      for (const client of at) client.destroy();
    });

    it("finish a run whose driver dies, told of its end at another", async () => {
      const before_ = emulator.predictions.length;
      emulator.behaviour.trainMs = 3_000;
      const jobId = await submit(site);
      await waitForJob(site.call, jobId, ({ status }) => status === "running", 20_000);
      const killed = await eventually("a leader", leader);
      await killed.process.kill();
      const job = await ended(jobId);
      assert.deepEqual([job.status, job.attempt, job.error_message], ["completed", 1, null]);
      assert.equal(emulator.predictions.length, before_ + 1);
      const others = site.servers.filter((server) => server !== killed);
      for (const server of others) assert.ok((await modelAt(server, jobId)).length > 0);
      const last = emulator.webhooks.sent.filter(
        ({ predictionId, status }) =>
          predictionId === emulator.predictions.at(-1)?.id && status === "succeeded",
      );
      assert.equal(last.at(-1)?.answer, 200);
      await killed.start();
    });
  },
);
