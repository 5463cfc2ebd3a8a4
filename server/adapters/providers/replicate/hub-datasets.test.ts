import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type HubEmulator, startHubEmulator } from "../../../../e2e/hub-emulator/emulator.ts";
import {
  type ReplicateEmulator,
  startReplicateEmulator,
} from "../../../../e2e/replicate-emulator/emulator.ts";
import { startServerProcess } from "../../../testing/server-process.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../../../testing/test-server.ts";
import { eventually } from "../../../testing/trainer-scripts.ts";

describe("datasets of this machine for the public trainer, through a whole server", () => {
  let hub: HubEmulator;
  let emulator: ReplicateEmulator;
  let server: TestServer;

  beforeEach(async () => {
    hub = await startHubEmulator();
    emulator = await startReplicateEmulator({ hub });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        HF_ENDPOINT: hub.url,
        HF_TOKEN: hub.token,
      },
    });
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  });
  afterEach(async () => {
    await server.close();
    await emulator.close();
    await hub.close();
  });

  const longCaption = "two boats ".repeat(200).trim();
  const files = {
    "one.jpg": "picture one",
    "one.txt": "a lighthouse\nby the sea\n",
    "deep/two_red_boats.png": "picture two",
    // Long enough to be deflated in the archive.
    "deep/two_red_boats.txt": longCaption,
    "test_three.webp": "picture three",
    "notes.md": "nothing to train on",
  };
  async function submit(fields: Record<string, unknown> = {}, others: Record<string, unknown>[] = []) {
    const { dataloader } = await makeDataset(server.folder, files);
    const local = dataloader.map((dataset) => ({
      ...dataset,
      caption_strategy: "textfile",
      resolution: 512,
      repeats: 3,
      crop: false,
      ...fields,
    }));
    return server.call("POST /api/cloud/jobs/submit", {
      body: {
        provider: "replicate",
        config: { max_train_steps: 8, model_family: "flux" },
        dataloader_config: [...local, ...others],
      },
    });
  }
  const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 40_000);
  const repositoriesGone = () => eventually("no repository", () => hub.repositories.size === 0);

  test("the training sees each picture with its captions and the dataset's settings; nothing is left", async () => {
    const { job_id } = await submit();
    const job = await ended(job_id);
    assert.deepEqual([job.status, job.error_message], ["completed", null]);
    const [prediction] = emulator.predictions;
    assert.deepEqual(prediction?.seen?.[0]?.samples, [
      { content: "picture two", captions: [longCaption] },
      { content: "picture one", captions: ["a lighthouse", "by the sea"] },
      { content: "picture three", captions: [] },
    ]);
    const { settings } = prediction.seen[0];
    assert.deepEqual([settings["resolution"], settings["repeats"], settings["crop"]], [512, 3, false]);
    assert.equal(prediction.input["images"], undefined);
    assert.equal(emulator.calls.filter(({ operation }) => operation === "upload").length, 0);
    // The token travels as the secret input and nowhere else.
    const { hf_token, ...rest } = prediction.input;
    assert.equal(hf_token, hub.token);
    assert.doesNotMatch(JSON.stringify(rest), new RegExp(hub.token));
    assert.match(String(rest["dataloader_json"]), /"type":"huggingface"/);
    assert.doesNotMatch(String(rest["dataloader_json"]), new RegExp(server.folder));
    await repositoriesGone();
    const leftovers = join(server.stateDir, "cloud", "leftovers");
    await eventually("nothing left to remove", async () => (await readdir(leftovers)).length === 0);
  });

  test("repositories are private, and hold no name of a file of this machine", async () => {
    emulator.behaviour.trainMs = 60_000;
    const { job_id } = await submit();
    await waitForJob(server.call, job_id, ({ status }) => status === "running", 20_000);
    const [repository] = hub.repositories.values();
    assert.equal(repository?.private, true);
    assert.deepEqual([...repository.files.keys()].sort(), [
      "README.md",
      "train/0000/0000000.png",
      "train/0000/0000001.jpg",
      "train/0000/0000002.webp",
      "train/metadata.jsonl",
    ]);
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
    assert.equal((await ended(job_id)).status, "cancelled");
    await repositoriesGone();
  });

  test("file names as captions; a dataset of the Hub beside it goes on as it is", async () => {
    const remote = { id: "remote", type: "huggingface", dataset_name: "ada/none", disabled: true };
    const { job_id } = await submit({ caption_strategy: "filename" }, [remote]);
    assert.equal((await ended(job_id)).status, "completed");
    const captions = emulator.predictions[0]?.seen?.[0]?.samples.map((sample) => sample.captions[0]);
    assert.deepEqual(captions, ["two red boats", "one", "test three"]);
  });

  test("a training that fails, and a repository that cannot be removed at once: removed later", async () => {
    emulator.behaviour.failure = "CUDA out of memory";
    hub.behaviour.keepsRepositories = true;
    const { job_id } = await submit();
    assert.equal((await ended(job_id)).status, "failed");
    await eventually(
      "a leftover",
      async () => (await readdir(join(server.stateDir, "cloud", "leftovers")).catch(() => [])).length === 1,
    );
    assert.equal(hub.repositories.size, 1);
    hub.behaviour.keepsRepositories = false;
    await server.restart();
    await repositoriesGone();
  });

  test("what only the folder of a job that is over knows of is removed after a start", async () => {
    const { job_id } = await submit();
    await ended(job_id);
    await repositoriesGone();
    // As a process leaves it that dies between the end of the job and its cleaning up.
    await server.stop();
    const run = join(server.stateDir, "cloud", "jobs", job_id, "run-token00000001");
    await mkdir(run, { recursive: true });
    await writeFile(join(run, "replicate.json"), JSON.stringify({ repositories: ["ada/left-behind"] }));
    hub.repositories.set("ada/left-behind", { private: true, commits: [], files: new Map() });
    await server.restart();
    await repositoriesGone();
    await eventually("no folder", async () => (await readdir(join(run, "..")).catch(() => [])).length === 0);
  });

  test("the server stops while it uploads: what arrived is not sent again, one prediction is made", async () => {
    hub.behaviour.uploadMs = 600;
    const { job_id } = await submit();
    await eventually("an upload", () => hub.calls.some(({ method }) => method === "PUT"));
    await server.restart();
    hub.behaviour.uploadMs = 0;
    assert.equal((await ended(job_id)).status, "completed");
    assert.equal(emulator.predictions.length, 1);
    await repositoriesGone();
  });

  test("cancelled while it uploads: over within a second, nothing is left, no prediction is made", async () => {
    hub.behaviour.uploadMs = 2_500;
    const { job_id } = await submit();
    await eventually("an upload", () => hub.calls.some(({ method }) => method === "PUT"));
    const startedAt = performance.now();
    await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
    assert.equal((await ended(job_id)).status, "cancelled");
    assert.ok(performance.now() - startedAt < 2_000, `${performance.now() - startedAt} ms`);
    assert.equal(emulator.predictions.length, 0);
    await repositoriesGone();
  });

  test("a token that may only read fails the job with the way out", async () => {
    hub.behaviour.readOnly = true;
    const { job_id } = await submit();
    const job = await ended(job_id);
    assert.deepEqual([job.status, job.error_code], ["failed", "provider_refused"]);
    assert.match(job.error_message ?? "", /HF_TOKEN.*write/);
  });

  test("what cannot be carried is told in the plan and refused at submit, before anything is packed", async () => {
    const { dataloader } = await makeDataset(server.folder, files);
    const body = {
      provider: "replicate",
      config: { max_train_steps: 8, model_family: "flux", enable_nsfw_check: false },
      dataloader_config: dataloader.map((dataset) => ({ ...dataset, dataset_type: "video" })),
    };
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "ask" } });
    const plan = await server.call("POST /api/cloud/data-consent/preview", { body });
    assert.equal(plan.route.way, "hub");
    assert.match(plan.route.refusal?.message ?? "", /type video/);
    assert.equal(plan.consent_token, null);
    assert.deepEqual(
      plan.route.notes.map(({ code }) => code),
      ["hub_token_sent", "nsfw_check", "option_overridden"],
    );
    await assert.rejects(server.call("POST /api/cloud/jobs/submit", { body }), /type video/);
    assert.deepEqual(await readdir(join(server.stateDir, "cloud", "packages")).catch(() => []), []);
  });
});

describe("a server that is killed while datasets travel through the Hub", () => {
  test("at any moment: one prediction that saw everything, and no repository is left", async () => {
    const hub = await startHubEmulator();
    const emulator = await startReplicateEmulator({ hub, trainMs: 800 });
    const folder = await mkdtemp(join(tmpdir(), "hub crash "));
    const env = {
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      REPLICATE_API_TOKEN: emulator.token,
      REPLICATE_BASE_URL: emulator.baseUrl,
      HF_ENDPOINT: hub.url,
      HF_TOKEN: hub.token,
    };
    let server = await startServerProcess(env);
    try {
      const { dataloader } = await makeDataset(folder);
      await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
      for (const moment of [/repos\/create/, /^PUT/, /commit\/main/, /repos\/delete/]) {
        emulator.predictions.length = 0;
        hub.calls.length = 0;
        hub.behaviour.uploadMs = 300;
        const body = {
          provider: "replicate",
          config: { max_train_steps: 3, model_family: "flux" },
          dataloader_config: dataloader,
        };
        const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
        await eventually(String(moment), () =>
          hub.calls.some(({ method, path }) => moment.test(`${method} ${path}`)),
        );
        await server.kill();
        server = await startServerProcess(env);
        const job = await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal, 40_000);
        assert.deepEqual(
          [String(moment), job.status, job.error_message],
          [String(moment), "completed", null],
        );
        assert.equal(emulator.predictions.length, 1, String(moment));
        assert.equal(emulator.predictions[0]?.seen?.[0]?.samples.length, 1, String(moment));
        await eventually(`no repository after ${moment}`, () => hub.repositories.size === 0);
      }
    } finally {
      await server.kill();
      await emulator.close();
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
