import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import {
  type ExternalBucketServer,
  startExternalBucket,
} from "../../server/adapters/storage/s3/external-bucket-test-kit.ts";
import {
  makeDataset,
  startTestServer,
  type TestServer,
  waitForJob,
} from "../../server/testing/test-server.ts";
import { trainerScript } from "../../server/testing/trainer-scripts.ts";
import { type HubEmulator, startHubEmulator } from "../../e2e/hub-emulator/emulator.ts";
import { ran } from "../testing/captured-io.ts";

const script = trainerScript(`
echo "Training step 1/1 loss=0.25"
printf weights > "$out/pytorch_lora_weights.safetensors"
`);

describe("destinations and deliveries on the command line, against the real server", () => {
  let server: TestServer;
  let bucket: ExternalBucketServer;
  let hub: HubEmulator;
  beforeEach(async () => {
    hub = await startHubEmulator();
    const env = { HF_ENDPOINT: hub.url, HF_TOKEN: "" };
    [server, bucket] = await Promise.all([
      startTestServer({ script, env, accounts: true }),
      startExternalBucket(),
    ]);
    await writeFile(join(server.folder, "secret"), "replica-secret\n");
    await writeFile(join(server.folder, "wrong"), "not-the-secret\n");
  });
  afterEach(async () => {
    await server.close();
    await bucket.close();
    await hub.close();
  });

  const cli = (...args: string[]) => ran(server.url, args, server.folder);
  const add = (name: string, ...more: string[]) => {
    const place = ["--service", "minio", "--endpoint", bucket.options.endpoint ?? "", "--bucket", "external"];
    return cli("destinations", "add", name, ...place, "--access-key", "replica", ...more);
  };
  const list = async () => JSON.parse((await cli("destinations", "list", "-f", "json")).out) as Destination[];
  const submit = async (...more: string[]): Promise<string> => {
    const { dataloader } = await makeDataset(server.folder);
    await writeFile(
      join(server.folder, "run.json"),
      JSON.stringify({ model_family: "flux", max_train_steps: 1 }),
    );
    await writeFile(join(server.folder, "data.json"), JSON.stringify(dataloader));
    const inputs = ["run.json", "-d", "data.json", "--name", "Lighthouse", "--format", "json"];
    const { out, err } = await cli("jobs", "submit", ...inputs, ...more);
    assert.equal(err, "");
    const { job_id: id } = JSON.parse(out) as { job_id: string };
    await waitForJob(server.call, id, (job) => job.is_terminal);
    return id;
  };

  test("a place is tried before it is stored, listed without its secret, and removed", async () => {
    assert.match((await cli("destinations", "list")).out, /Models stay on the server/);
    const refused = await add("Bucket", "--secret-file", "wrong");
    assert.equal(refused.code, 1);
    assert.match(refused.out, /^write +FAILED .*SignatureDoesNotMatch/m);
    assert.match(refused.err, /Nothing was stored/);
    assert.deepEqual(await list(), []);
    const added = await add("Bucket", "--secret-file", "secret", "--default");
    assert.equal(added.code, 0, added.err);
    assert.match(
      added.out,
      /Added Bucket: s3:\/\/external\/models\/\{name\}-\{id\}\/, tried and good, a default/,
    );
    const [stored] = await list();
    assert.deepEqual([stored?.is_default, stored?.last_delivery], [true, null]);
    assert.partialDeepStrictEqual(stored?.settings, { path_style: true, region: "us-east-1" });
    assert.ok(!JSON.stringify(stored).includes("replica-secret"));
    assert.equal((await cli("destinations", "test", "Bucket")).code, 0);
    assert.match((await cli("destinations", "remove", "Bucket")).err, /add --force/);
    assert.match((await cli("destinations", "remove", "Other", "--force")).err, /There are: Bucket\./);
    assert.equal((await cli("destinations", "remove", "Bucket", "--force")).code, 0);
    assert.deepEqual(await list(), []);
    assert.match((await add("Bucket")).err, /Give the secret with --secret-file/);
  });

  test("a repository of the Hub is tried with its token, and one that is refused is not stored", async () => {
    await writeFile(join(server.folder, "token"), `${hub.token}\n`);
    await writeFile(join(server.folder, "other"), "hf_somebody_elses\n");
    const hubAdd = (...more: string[]) =>
      cli("destinations", "add", "My models", "--service", "huggingface", "--license", "mit", ...more);
    const refused = await hubAdd("--token-file", "other");
    assert.equal(refused.code, 1);
    assert.match(refused.out, /^token +FAILED/m);
    const added = await hubAdd("--token-file", "token");
    assert.equal(added.code, 0, added.err + added.out);
    const [stored] = await list();
    assert.equal(stored?.secret, "stored");
    assert.partialDeepStrictEqual(stored?.settings, {
      kind: "huggingface",
      owner: null,
      repository: "{name}-{id}",
      private: true,
      license: "mit",
    });
    assert.match((await cli("destinations", "list")).out, /My models +huggingface +\(the token's account\)/);
    const bare = await cli("destinations", "add", "Bare", "--service", "minio", "--endpoint", hub.url);
    assert.deepEqual([bare.code, /--bucket: name the bucket/.test(bare.err)], [2, true]);
  });

  test("a job is delivered where it was said to go, and later to another place", async () => {
    await add("First", "--secret-file", "secret", "--default");
    await add("Second", "--secret-file", "secret", "--prefix", "second");
    const jobId = await submit("--no-deliver-to");
    assert.match((await cli("jobs", "deliveries", jobId)).out, /Its results stay on the server/);
    const { code, out, err } = await cli("jobs", "deliver", jobId, "--to", "Second", "--follow");
    assert.equal(code, 0, err);
    assert.match(out, /Second +delivered +s3:\/\/external\/second\/Lighthouse-/);
    assert.match(err, /Second: delivered/);
    const stored = await bucket.server.storage.listObjects({ bucket: "external", prefix: "", maxKeys: 9 });
    assert.deepEqual(
      stored.objects.map(({ key }) => key),
      [`second/Lighthouse-${jobId.slice(-8)}/pytorch_lora_weights.safetensors`],
    );
    const json = await cli("jobs", "deliveries", jobId, "-f", "json");
    const [delivery] = JSON.parse(json.out) as Delivery[];
    assert.deepEqual([delivery?.destination, delivery?.status], ["Second", "delivered"]);
    const listed = (await list()).find(({ name }) => name === "Second");
    assert.deepEqual([listed?.last_delivery?.job_id, listed?.last_delivery?.status], [jobId, "delivered"]);
    assert.match(
      (await cli("jobs", "deliver", jobId, "--to", "nowhere")).err,
      /"nowhere" is not one of First, Second/,
    );
  });

  test("a delivery that fails fails the command with the server's sentence", async () => {
    await add("Bucket", "--secret-file", "wrong", "--no-test");
    const jobId = await submit("--deliver-to", "Bucket");
    const { code, out, err } = await cli("jobs", "deliver", jobId, "--to", "Bucket", "--follow");
    assert.equal(code, 1);
    assert.match(out, /Bucket +failed +.*SignatureDoesNotMatch/);
    assert.match(err, /Not delivered to Bucket\./);
  });
});
