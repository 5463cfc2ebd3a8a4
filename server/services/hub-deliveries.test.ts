import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { DestinationDraft, HubSettings } from "@simpletuner-cloud/contract/destinations.ts";
import { type HubEmulator, startHubEmulator } from "../../e2e/hub-emulator/emulator.ts";
import { makeDataset, startTestServer, type TestServer } from "../testing/test-server.ts";
import { eventually, trainerScript } from "../testing/trainer-scripts.ts";

const script = trainerScript(`
mkdir -p "$out/samples"
echo "Training step 10/10 loss=0.25"
printf picture > "$out/samples/step_10_0.png"
printf weights > "$out/pytorch_lora_weights.safetensors"
`);

const settings: HubSettings = {
  kind: "huggingface",
  owner: null,
  repository: "{name}-{id}",
  private: true,
  license: "mit",
  include_samples: true,
  include_checkpoints: false,
};
const draft: DestinationDraft = { name: "My models", settings, is_default: true };

async function refused(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => assert.fail("it went well"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError, String(error));
  return `${error.status} ${error.message}`;
}

describe("delivering results to the Hugging Face Hub", () => {
  let server: TestServer;
  let hub: HubEmulator;
  beforeEach(async () => {
    hub = await startHubEmulator();
    server = await startTestServer({ script, env: { HF_ENDPOINT: hub.url, HF_TOKEN: "" } });
  });
  afterEach(async () => {
    await server.close();
    await hub.close();
    assert.deepEqual(hub.complaints, []);
  });

  const add = async (more: Partial<DestinationDraft> = {}) =>
    (await server.call("POST /api/cloud/destinations", { body: { ...draft, ...more } })).destination;
  const list = async () => (await server.call("GET /api/cloud/destinations")).destinations;
  const submit = async () => {
    const { dataloader } = await makeDataset(server.folder);
    const body = {
      name: "A lighthouse",
      config: { max_train_steps: 10, model_family: "flux" },
      dataloader_config: dataloader,
    };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  };
  const ended = (jobId: string, status: string) =>
    eventually(`a delivery that is ${status}`, async () => {
      const params = { job_id: jobId };
      const { deliveries } = await server.call("GET /api/cloud/jobs/{job_id}/deliveries", { params });
      return deliveries[0]?.status === status ? deliveries[0] : null;
    });

  test("a finished model becomes a private repository with its card, by the destination's own token", async () => {
    const made = await add({ token: hub.token });
    assert.deepEqual([made.secret, made.problem], ["stored", null]);
    const jobId = await submit();
    const delivery = await ended(jobId, "delivered");
    const name = `ada/A-lighthouse-${jobId.slice(-8)}`;
    assert.deepEqual(
      [delivery.kind, delivery.target, delivery.url, delivery.progress?.files_done],
      ["huggingface", name, `${hub.url}/${name}`, 2],
    );
    const repository = hub.models.get(name);
    assert.equal(repository?.private, true);
    assert.equal(String(repository?.files.get("pytorch_lora_weights.safetensors")), "weights");
    const card = String(repository?.files.get("README.md"));
    assert.match(card, /^license: "mit"$/m);
    assert.match(card, /samples\/step_10_0\.png/);
    assert.match(card, /\| Steps \| 10 \|/);
    assert.ok(!card.includes(server.folder), "no path of this machine");
    const { job } = await server.call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } });
    assert.deepEqual(job.metadata["delivered_urls"], { "My models": `${hub.url}/${name}` });
  });

  test("the token is in no answer and no event, and on no disk but sealed", async () => {
    await add({ token: hub.token });
    const jobId = await submit();
    await ended(jobId, "delivered");
    const params = { job_id: jobId };
    const answers = JSON.stringify([
      await list(),
      await server.call("GET /api/cloud/jobs/{job_id}/deliveries", { params }),
      await server.call("GET /api/cloud/jobs/{job_id}/events", { params }),
    ]);
    assert.ok(!answers.includes(hub.token));
    await server.stop();
    for (const entry of await readdir(server.stateDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name));
      assert.ok(!content.includes(hub.token), `${entry.name} does not hold the token`);
    }
  });

  test("without a token of its own it takes that of the secrets, as it is at that moment", async () => {
    const made = await add();
    assert.equal(made.secret, null);
    assert.match(made.problem ?? "", /no token.*HF_TOKEN/);
    const jobId = await submit();
    assert.match((await ended(jobId, "failed")).error_message ?? "", /there is no token/);
    const params = { secret_name: "HF_TOKEN" };
    await server.call("PUT /api/cloud/secrets/{secret_name}", { params, body: { value: hub.token } });
    const [shown] = await list();
    assert.deepEqual([shown?.secret, shown?.problem], ["secrets", null]);
    await server.call("POST /api/cloud/jobs/{job_id}/deliveries", { params: { job_id: jobId }, body: {} });
    await ended(jobId, "delivered");
  });

  test("its token stays when it is not sent, goes when null is sent, and belongs to no bucket", async () => {
    const { destination_id } = await add({ token: hub.token });
    const change = async (more: Partial<DestinationDraft>) =>
      (
        await server.call("PUT /api/cloud/destinations/{destination_id}", {
          params: { destination_id },
          body: { ...draft, ...more },
        })
      ).destination.secret;
    assert.equal(await change({ name: "Renamed" }), "stored");
    const trial = { destination_id, settings };
    assert.equal((await server.call("POST /api/cloud/destinations/test", { body: trial })).ok, true);
    assert.equal(await change({ token: null }), null);
    assert.match(await refused(change({ secret_access_key: "x" })), /^422 secret_access_key: .*send token/);
    assert.match(
      await refused(change({ settings: { ...settings, repository: "a/b" } })),
      /^422 settings\.repo/,
    );
    assert.match(await refused(change({ settings: { ...settings, repository: "{x}" } })), /\{x\}/);
    assert.match(await refused(change({ settings: { ...settings, owner: "a b" } })), /^422 settings\.owner/);
    assert.match(await refused(change({ token: "sk-1234" })), /^422 token/);
  });

  test("a change of the token tries again what failed for it", async () => {
    const { destination_id } = await add({ token: "hf_expired" });
    const jobId = await submit();
    assert.match((await ended(jobId, "failed")).error_message ?? "", /wrong, expired or revoked/);
    const body = { ...draft, token: hub.token };
    await server.call("PUT /api/cloud/destinations/{destination_id}", { params: { destination_id }, body });
    await ended(jobId, "delivered");
  });
});
