import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { DestinationDraft, S3Settings } from "@simpletuner-cloud/contract/destinations.ts";
import { startExternalBucket } from "../adapters/storage/s3/external-bucket-test-kit.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { eventually, trainerScript } from "../testing/trainer-scripts.ts";

type Bucket = Awaited<ReturnType<typeof startExternalBucket>>;
type BucketDraft = DestinationDraft & { settings: S3Settings };
const secret = "replica-secret";

/** Leaves a model, a sample, a checkpoint; with the option `broken`, it fails after the checkpoint. */
const script = trainerScript(`
mkdir -p "$out/checkpoint-10" "$out/samples"
echo "Training step 10/10 loss=0.25"
printf checkpoint > "$out/checkpoint-10/pytorch_lora_weights.safetensors"
printf picture > "$out/samples/step_10_0.png"
if grep -q '"broken"' "$CONFIG_PATH"; then exit 3; fi
printf weights > "$out/pytorch_lora_weights.safetensors"
`);

function bucketDraft(bucket: Bucket, changed: Partial<S3Settings> = {}): BucketDraft {
  return {
    name: "Team bucket",
    settings: {
      kind: "s3",
      preset: "minio",
      endpoint: bucket.options.endpoint,
      region: "us-east-1",
      bucket: "external",
      prefix: "models",
      folder: "{name}-{id}",
      path_style: true,
      public_base_url: null,
      access_key_id: "replica",
      include_samples: true,
      include_checkpoints: false,
      ...changed,
    },
    secret_access_key: secret,
    is_default: true,
  };
}

async function refused(work: Promise<unknown>): Promise<{ status: number; code: string; message: string }> {
  const error: unknown = await work.then(
    () => assert.fail("it went well"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError, String(error));
  return { status: error.status, code: error.code, message: error.message };
}

describe("delivering results to a bucket", () => {
  let server: TestServer;
  let bucket: Bucket;
  let inputs: { config: Record<string, unknown>; dataloader_config: Record<string, unknown>[] };
  beforeEach(async () => {
    [server, bucket] = await Promise.all([startTestServer({ script }), startExternalBucket()]);
    const { dataloader } = await makeDataset(server.folder);
    inputs = { config: { max_train_steps: 10, model_family: "flux" }, dataloader_config: dataloader };
  });
  afterEach(async () => {
    await server.close();
    await bucket.close();
  });

  const add = async (draft: DestinationDraft) =>
    (await server.call("POST /api/cloud/destinations", { body: draft })).destination;
  const submit = async (more: Record<string, unknown> = {}, as = "local") =>
    (
      await server.as(as)("POST /api/cloud/jobs/submit", {
        body: { ...inputs, name: "A lighthouse", ...more },
      })
    ).job_id;
  const deliveriesOf = async (jobId: string) =>
    (await server.call("GET /api/cloud/jobs/{job_id}/deliveries", { params: { job_id: jobId } })).deliveries;
  const settled = (jobId: string, status: Delivery["status"]) =>
    eventually(`a delivery that is ${status}`, async () => {
      const [delivery] = await deliveriesOf(jobId);
      return delivery?.status === status ? delivery : null;
    });
  const stored = async () =>
    (await bucket.server.storage.listObjects({ bucket: "external", prefix: "", maxKeys: 1_000 })).objects.map(
      ({ key }) => key,
    );
  const act = (jobId: string, deliveryId: string, what: "retry" | "cancel", as = "local") =>
    server.as(as)(`POST /api/cloud/jobs/{job_id}/deliveries/{delivery_id}/${what}`, {
      params: { job_id: jobId, delivery_id: deliveryId },
    });

  test("a finished job's model goes to the default place, and every state is told", async () => {
    await add(bucketDraft(bucket));
    const jobId = await submit();
    const [waiting] = await deliveriesOf(jobId);
    assert.equal(waiting?.destination, "Team bucket");
    const delivery = await settled(jobId, "delivered");
    const folder = `models/A-lighthouse-${jobId.slice(-8)}`;
    assert.equal(delivery.target, `s3://external/${folder}/`);
    assert.deepEqual(await stored(), [
      `${folder}/pytorch_lora_weights.safetensors`,
      `${folder}/samples/step_10_0.png`,
    ]);
    assert.deepEqual(
      [
        delivery.progress?.files_done,
        delivery.progress?.bytes_done,
        delivery.error_message,
        delivery.attempt,
      ],
      [2, 14, null, 1],
    );
    const { events } = await server.call("GET /api/cloud/jobs/{job_id}/events", {
      params: { job_id: jobId },
    });
    const told = events
      .filter(({ type }) => type === "job.delivery")
      .map(({ data }) => (data["delivery"] as Delivery).status);
    assert.deepEqual(told, ["waiting", "running", "delivered"]);
  });

  test("the model card can be looked at before anything is delivered, by whoever may see the job", async () => {
    await add(bucketDraft(bucket, { include_samples: false }));
    const jobId = await submit({ destinations: [] }, "ada");
    await waitForJob(server.call, jobId, (job) => job.is_terminal);
    const cardFor = async (as: string, query: { destination?: string } = {}) =>
      (await server.as(as)("GET /api/cloud/jobs/{job_id}/model-card", { params: { job_id: jobId }, query }))
        .card;
    const card = await cardFor("ada");
    assert.match(card, /^---\n[^]*pipeline_tag: [^]*---\n\n# A lighthouse$/m);
    assert.match(card, /step_10_0\.png/);
    assert.doesNotMatch(await cardFor("ada", { destination: "Team bucket" }), /step_10_0\.png/);
    assert.equal((await refused(cardFor("bob"))).status, 404);
    assert.equal((await refused(cardFor("ada", { destination: "nowhere" }))).code, "unknown_destination");
    assert.deepEqual(await deliveriesOf(jobId), []);
  });

  test("whose job was delivered to a place is told to those who may see everybody's jobs", async () => {
    await add(bucketDraft(bucket));
    const lastAs = async (name: string) =>
      (
        await server.as(name)("GET /api/cloud/destinations", { query: { last_delivery: true } })
      ).destinations.map((each) => each.last_delivery);
    assert.deepEqual(await lastAs("local"), [null]);
    const jobId = await submit();
    const { updated_at } = await settled(jobId, "delivered");
    assert.deepEqual(await lastAs("local"), [
      { job_id: jobId, status: "delivered", error_message: null, updated_at },
    ]);
    assert.deepEqual(await lastAs("ada"), [null]);
  });

  test("the secret is in no answer, no event, and on no disk but sealed", async () => {
    const made = await add(bucketDraft(bucket));
    const jobId = await submit();
    await settled(jobId, "delivered");
    const answers = JSON.stringify([
      made,
      await server.call("GET /api/cloud/destinations"),
      await deliveriesOf(jobId),
      await server.call("GET /api/cloud/jobs/{job_id}/events", { params: { job_id: jobId } }),
    ]);
    assert.ok(!answers.includes(secret));
    await server.stop();
    for (const name of await readdir(server.stateDir, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const content = await readFile(join(name.parentPath, name.name));
      assert.ok(!content.includes(secret), `${name.name} does not hold the secret`);
    }
  });

  test("what cannot work is failed at once with its sentence, and tried again when the place is set right", async () => {
    const { destination_id: id } = await add(bucketDraft(bucket, { access_key_id: "nobody" }));
    const jobId = await submit();
    const failed = await settled(jobId, "failed");
    assert.equal(failed.error_code, "destination_refused");
    assert.match(failed.error_message ?? "", /InvalidAccessKeyId/);
    assert.equal(failed.next_attempt_at, null, "nothing is tried again that needs a person");
    const params = { destination_id: id };
    await server.call("PUT /api/cloud/destinations/{destination_id}", { params, body: bucketDraft(bucket) });
    assert.equal((await settled(jobId, "delivered")).attempt, 1);
  });

  test("what passes by itself is tried again later, or now by hand", async () => {
    await add(bucketDraft(bucket));
    let isDown = true;
    bucket.trouble.current = (_message, response) => {
      if (!isDown) return undefined;
      response.writeHead(403, { "content-type": "application/xml" });
      response.end("<Error><Code>SlowDown</Code></Error>");
      return "handled";
    };
    const jobId = await submit();
    const failed = await settled(jobId, "failed");
    assert.equal(failed.error_code, "destination_busy");
    assert.ok(Date.parse(failed.next_attempt_at ?? "") > Date.now() + 20_000);
    isDown = false;
    await act(jobId, failed.delivery_id, "retry");
    await settled(jobId, "delivered");
    assert.equal((await refused(act(jobId, failed.delivery_id, "cancel"))).code, "invalid_delivery_state");
  });

  test("of a job that failed nothing is delivered unless somebody asks", async () => {
    const { destination_id: id } = await add(bucketDraft(bucket, { include_checkpoints: true }));
    const jobId = await submit({ config: { ...inputs.config, broken: true } });
    await waitForJob(server.call, jobId, (job) => job.status === "failed");
    const cancelled = await settled(jobId, "cancelled");
    assert.match(cancelled.error_message ?? "", /ended as failed/);
    assert.deepEqual(await stored(), []);
    const params = { job_id: jobId };
    await server.call("POST /api/cloud/jobs/{job_id}/deliveries", { params, body: { destinations: [id] } });
    await settled(jobId, "delivered");
    assert.equal((await deliveriesOf(jobId)).length, 1, "the same delivery, ordered anew");
    assert.ok((await stored()).some((key) => key.endsWith("checkpoint-10/pytorch_lora_weights.safetensors")));
  });

  test("a submit names its places; one that there is not makes no job", async () => {
    await add(bucketDraft(bucket));
    await add({ ...bucketDraft(bucket, { prefix: "other" }), name: "Archive", is_default: false });
    const wrong = await refused(submit({ destinations: ["Archiv"] }));
    assert.deepEqual([wrong.status, wrong.code], [422, "unknown_destination"]);
    assert.match(wrong.message, /Archive, Team bucket/);
    assert.equal((await server.call("GET /api/cloud/jobs")).total, 0);
    const none = await submit({ destinations: [] });
    assert.deepEqual(await deliveriesOf(none), []);
    const chosen = await submit({ destinations: ["Archive"] });
    assert.equal((await settled(chosen, "delivered")).destination, "Archive");
    const again = await server.call("POST /api/cloud/jobs/{job_id}/retry", {
      params: { job_id: chosen },
      body: {},
    });
    assert.deepEqual(
      (await deliveriesOf(again.job_id)).map(({ destination }) => destination),
      ["Archive"],
      "a retry goes where its job went",
    );
  });

  test("what the training publishes itself is recorded, and not pushed twice by default", async () => {
    await add(bucketDraft(bucket));
    const own = [
      {
        provider: "s3",
        bucket: "external",
        endpoint_url: bucket.options.endpoint,
        base_path: "own",
        secret_key: secret,
      },
    ];
    const jobId = await submit({
      config: { ...inputs.config, publishing_config: own, push_to_hub: true, hub_model_id: "ada/lighthouse" },
    });
    await waitForJob(server.call, jobId, (job) => job.is_terminal);
    await settled(jobId, "delivered");
    assert.deepEqual(
      (await deliveriesOf(jobId)).map(({ by, kind, target, url, status }) => [by, kind, target, url, status]),
      [
        ["trainer", "huggingface", "ada/lighthouse", "https://huggingface.co/ada/lighthouse", "delivered"],
        ["trainer", "s3", "s3://external/own/", null, "delivered"],
      ],
    );
    const [first] = await deliveriesOf(jobId);
    assert.equal(
      (await refused(act(jobId, first?.delivery_id ?? "", "retry"))).code,
      "invalid_delivery_state",
    );
  });

  test("a place that was removed cancels what was to go there", async () => {
    const { destination_id: id } = await add(bucketDraft(bucket, { access_key_id: "nobody" }));
    const jobId = await submit();
    await settled(jobId, "failed");
    await server.call("DELETE /api/cloud/destinations/{destination_id}", { params: { destination_id: id } });
    assert.match((await settled(jobId, "cancelled")).error_message ?? "", /destination was removed/);
  });

  test("a running delivery that is cancelled stops, and its files stay where they are", async () => {
    await add(bucketDraft(bucket));
    bucket.trouble.current = (message) => (message.method === "PUT" ? "handled" : undefined);
    const jobId = await submit();
    const { delivery_id: id } = await settled(jobId, "running");
    await act(jobId, id, "cancel");
    assert.equal((await settled(jobId, "cancelled")).error_message, null);
    bucket.trouble.current = null;
    await act(jobId, id, "retry");
    await settled(jobId, "delivered");
  });

  test("a server that stops in the middle goes on after its start", async () => {
    await add(bucketDraft(bucket));
    bucket.trouble.current = (message) => (message.method === "PUT" ? "handled" : undefined);
    const jobId = await submit();
    await settled(jobId, "running");
    await server.stop();
    bucket.trouble.current = null;
    await server.restart();
    assert.equal((await settled(jobId, "delivered")).attempt, 1);
  });

  test("who may see a job may see where it goes, and nobody else; places are the administrator's", async () => {
    const draft = bucketDraft(bucket);
    const { destination_id: id } = await add(draft);
    const jobId = await submit({}, "ada");
    await settled(jobId, "delivered");
    const [delivery] = await deliveriesOf(jobId);
    const list = (as: string) =>
      server.as(as)("GET /api/cloud/jobs/{job_id}/deliveries", { params: { job_id: jobId } });
    assert.equal((await list("ada")).deliveries.length, 1);
    assert.equal((await refused(list("bob"))).code, "job_not_found");
    assert.equal(
      (await refused(act(jobId, delivery?.delivery_id ?? "", "retry", "bob"))).code,
      "job_not_found",
    );
    assert.equal((await refused(act(jobId, delivery?.delivery_id ?? "", "retry", "viewer"))).status, 403);
    const params = { destination_id: id };
    for (const attempt of [
      () => server.as("ada")("POST /api/cloud/destinations", { body: draft }),
      () => server.as("ada")("PUT /api/cloud/destinations/{destination_id}", { params, body: draft }),
      () => server.as("ada")("DELETE /api/cloud/destinations/{destination_id}", { params }),
      () => server.as("ada")("POST /api/cloud/destinations/{destination_id}/test", { params }),
      () => server.as("ada")("POST /api/cloud/destinations/test", { body: { settings: draft.settings } }),
    ])
      assert.equal((await refused(attempt())).status, 403);
    assert.equal((await server.as("ada")("GET /api/cloud/destinations")).destinations.length, 1);
  });

  test("a delivery of another job is not reached through one's own", async () => {
    await add(bucketDraft(bucket));
    const [adas, bobs] = [await submit({}, "ada"), await submit({}, "bob")];
    await settled(adas, "delivered");
    const delivery = await settled(bobs, "delivered");
    assert.equal((await refused(act(adas, delivery.delivery_id, "retry", "ada"))).code, "delivery_not_found");
  });
});

describe("places that results go to", () => {
  let server: TestServer;
  let bucket: Bucket;
  beforeEach(async () => {
    [server, bucket] = await Promise.all([startTestServer(), startExternalBucket()]);
  });
  afterEach(async () => {
    await server.close();
    await bucket.close();
  });

  test("what is wrong with a place is told at its field", async () => {
    const draft = bucketDraft(bucket);
    const cases: [Partial<S3Settings>, RegExp][] = [
      [{ folder: "{nme}" }, /settings\.folder: "\{nme\}" is not one of \{name\}/],
      [{ endpoint: null }, /settings\.endpoint: say where/],
      [{ prefix: "a/../b" }, /settings\.prefix/],
    ];
    for (const [changed, words] of cases) {
      const body = { ...draft, settings: { ...draft.settings, ...changed } };
      const told = await refused(server.call("POST /api/cloud/destinations", { body }));
      assert.deepEqual([told.status, told.code], [422, "destination_invalid"]);
      assert.match(told.message, words);
    }
    await server.call("POST /api/cloud/destinations", { body: draft });
    assert.equal(
      (await refused(server.call("POST /api/cloud/destinations", { body: draft }))).code,
      "destination_name_taken",
    );
  });

  test("a trial of stored and of unsaved settings says what works; a secret is not sent to another address", async () => {
    const draft = bucketDraft(bucket);
    const { destination } = await server.call("POST /api/cloud/destinations", { body: draft });
    const params = { destination_id: destination.destination_id };
    assert.equal(
      (await server.call("POST /api/cloud/destinations/{destination_id}/test", { params })).ok,
      true,
    );
    const wrong = await server.call("POST /api/cloud/destinations/test", {
      body: { settings: draft.settings, secret_access_key: "wrong" },
    });
    assert.equal(wrong.ok, false);
    assert.match(wrong.steps[0]?.message ?? "", /SignatureDoesNotMatch/);
    const { secret_access_key: _, ...kept } = draft;
    const changed = { ...kept, settings: { ...kept.settings, prefix: "else" } };
    await server.call("PUT /api/cloud/destinations/{destination_id}", { params, body: changed });
    const moved = { ...kept, settings: { ...kept.settings, endpoint: "https://evil.example.org" } };
    for (const attempt of [
      () => server.call("PUT /api/cloud/destinations/{destination_id}", { params, body: moved }),
      () =>
        server.call("POST /api/cloud/destinations/test", { body: { ...params, settings: moved.settings } }),
    ])
      assert.match((await refused(attempt())).message, /secret_access_key/);
  });
});
