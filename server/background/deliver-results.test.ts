import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { startHubEmulator } from "../../e2e/hub-emulator/emulator.ts";
import { startExternalBucket } from "../adapters/storage/s3/external-bucket-test-kit.ts";
import { type ServerProcess, startServerProcess } from "../testing/server-process.ts";
import { makeDataset } from "../testing/test-server.ts";
import { eventually, killProcessesOf, trainerScript } from "../testing/trainer-scripts.ts";

const mebibyte = 1024 * 1024;
const modelBytes = 40 * mebibyte;

/** A model of five parts. */
const script = trainerScript(`
echo "Training step 1/1 loss=0.5"
head -c ${modelBytes} /dev/urandom > "$out/pytorch_lora_weights.safetensors"
`);

const secondBytes = 3 * mebibyte;
/** A model and another file of weights. */
const twoFiles = trainerScript(`
echo "Training step 1/1 loss=0.5"
head -c ${secondBytes} /dev/urandom > "$out/ema.safetensors"
head -c ${modelBytes / 4} /dev/urandom > "$out/pytorch_lora_weights.safetensors"
`);

describe("a server that is killed while it delivers", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let server: ServerProcess;
  let bucket: Awaited<ReturnType<typeof startExternalBucket>>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "delivery crash "));
    await writeFile(join(folder, "trainer.sh"), script);
    env = {
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      SIMPLETUNER_TRAINER_COMMAND: `/bin/sh "${join(folder, "trainer.sh")}"`,
    };
    bucket = await startExternalBucket();
    server = await startServerProcess(env);
  });
  afterEach(async () => {
    await server.kill().catch(() => undefined);
    await killProcessesOf(folder);
    await bucket.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("kill -9 in the middle of a file: the next server sends what is missing, once", async () => {
    let parts = 0;
    let partsLeft = 2;
    bucket.trouble.current = (message) => {
      if (message.method !== "PUT" || !message.url?.includes("partNumber")) return undefined;
      if (partsLeft-- <= 0) return "handled";
      parts += 1;
      return undefined;
    };
    await server.call("POST /api/cloud/destinations", {
      body: {
        name: "Bucket",
        settings: {
          kind: "s3",
          preset: "other",
          endpoint: bucket.options.endpoint,
          region: "auto",
          bucket: "external",
          prefix: "",
          folder: "{name}",
          path_style: true,
          public_base_url: null,
          access_key_id: "replica",
          include_samples: true,
          include_checkpoints: true,
        },
        secret_access_key: "replica-secret",
        is_default: true,
      },
    });
    const { dataloader } = await makeDataset(folder);
    const body = { name: "run", config: { max_train_steps: 1 }, dataloader_config: dataloader };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    const delivery = async (): Promise<Delivery | undefined> =>
      (await server.call("GET /api/cloud/jobs/{job_id}/deliveries", { params: { job_id } })).deliveries[0];
    await eventually(
      "two parts at the service and written down",
      async () => ((await delivery())?.progress?.bytes_done ?? 0) >= 16 * mebibyte,
      20_000,
    );
    await server.kill();
    partsLeft = Number.POSITIVE_INFINITY;
    server = await startServerProcess(env);
    assert.equal((await delivery())?.status, "running", "as the killed server left it");
    const done = await eventually(
      "the delivery",
      async () => {
        const now = await delivery();
        return now?.status === "delivered" ? now : null;
      },
      40_000,
    );
    assert.equal(done.attempt, 1);
    assert.equal(parts, 5, "no part was sent twice");
    const { storage } = bucket.server;
    const { objects } = await storage.listObjects({ bucket: "external", prefix: "", maxKeys: 10 });
    assert.deepEqual(
      objects.map(({ key, sizeBytes }) => [key, sizeBytes]),
      [["run/pytorch_lora_weights.safetensors", modelBytes]],
    );
    assert.deepEqual(await storage.listUploads("external", ""), []);
  });

  test("kill -9 while files go to the Hub: what its storage has is not sent again, and one commit shows all", async () => {
    const hub = await startHubEmulator();
    try {
      await server.kill();
      env["HF_ENDPOINT"] = hub.url;
      env["HF_TOKEN"] = hub.token;
      await writeFile(join(folder, "trainer.sh"), twoFiles);
      server = await startServerProcess(env);
      // Of the two files the first goes through, and nothing is answered to the second.
      const uploads = () => hub.calls.filter(({ method }) => method === "PUT");
      hub.behaviour.trouble.push(
        { on: /^PUT /, answer: "through", times: 1 },
        { on: /^PUT /, answer: "hang", times: 100 },
      );
      const settings = {
        kind: "huggingface" as const,
        owner: null,
        repository: "{name}",
        private: true,
        license: null,
        include_samples: true,
        include_checkpoints: true,
      };
      await server.call("POST /api/cloud/destinations", {
        body: { name: "Hub", settings, is_default: true },
      });
      const { dataloader } = await makeDataset(folder);
      const body = { name: "run", config: { max_train_steps: 1 }, dataloader_config: dataloader };
      const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
      const delivery = async (): Promise<Delivery | undefined> =>
        (await server.call("GET /api/cloud/jobs/{job_id}/deliveries", { params: { job_id } })).deliveries[0];
      await eventually(
        "one file stored, the other on its way",
        async () =>
          hub.blobs.size === 1 && uploads().length === 2 && (await delivery())?.status === "running",
        40_000,
      );
      await server.kill();
      assert.equal(hub.models.get("ada/run")?.commits.length, 0, "nothing is to be seen of half a delivery");
      hub.behaviour.trouble.length = 0;
      const before = uploads().length;
      server = await startServerProcess(env);
      const done = await eventually(
        "the delivery",
        async () => {
          const now = await delivery();
          return now?.status === "delivered" ? now : null;
        },
        40_000,
      );
      assert.deepEqual([done.target, done.attempt], ["ada/run", 1]);
      assert.equal(uploads().length - before, 1, "only the file that was not there");
      assert.equal(hub.models.size, 1);
      const repository = hub.models.get("ada/run");
      assert.equal(repository?.commits.length, 1);
      assert.deepEqual(
        [...(repository?.files ?? [])]
          .filter(([path]) => path.endsWith(".safetensors"))
          .map(([, bytes]) => bytes.length),
        [secondBytes, modelBytes / 4],
      );
      assert.deepEqual(hub.complaints, []);
    } finally {
      await hub.close();
    }
  });
});
