import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseTrainerConfig, readTrainerConfig } from "./config.ts";
import { readImageBackends } from "./data-backends.ts";
import { testFolder } from "./test-run.ts";

const folder = await testFolder();
const smallest = { data_backend_config: "b.json", output_dir: "out", max_train_steps: 5 };

test("a bad value is refused with a sentence that starts with its key", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ max_train_steps: -1 }, /^max_train_steps: /],
    [{ max_train_steps: 1.5 }, /^max_train_steps: 1.5 is not a whole number/],
    [{ max_train_steps: 0 }, /^max_train_steps: set/],
    [{ train_batch_size: "many" }, /^train_batch_size: "many" is not a number/],
    [{ learning_rate: 0 }, /^learning_rate: /],
    [{ learning_rate: [] }, /^learning_rate: /],
    [{ resolution: "big" }, /^resolution: /],
    [{ seed: -3 }, /^seed: /],
    [{ num_validation_images: 99 }, /^num_validation_images: /],
    [{ output_dir: "" }, /^output_dir: is missing/],
    [{ data_backend_config: null }, /^data_backend_config: is missing/],
    [{ publishing_config: [{ provider: "dropbox" }] }, /^publishing_config\[0\]\.provider: /],
    [
      { publishing_config: { provider: "s3", endpoint_url: "http://x" } },
      /^publishing_config\[0\]\.bucket: is missing/,
    ],
    [{ publishing_config: ["x"] }, /^publishing_config\[0\]: must be an object/],
    [
      { webhook_config: [{ webhook_type: "raw", callback_url: "file:///x" }] },
      /^webhook_config\[0\]\.callback_url: /,
    ],
  ];
  for (const [change, expected] of cases) {
    assert.throws(() => parseTrainerConfig({ ...smallest, ...change }, "/"), {
      message: expected,
      exitCode: 2,
    });
  }
});

test("no message of a refused publishing entry shows its secret", () => {
  const entry = {
    provider: "s3",
    bucket: "b",
    access_key: "AK",
    secret_key: "very-secret",
    endpoint_url: "http://",
  };
  assert.throws(
    () => parseTrainerConfig({ ...smallest, publishing_config: [entry] }, "/"),
    (error: Error) => !error.message.includes("very-secret"),
  );
});

test("keys work with and without dashes, numbers may be texts, and aliases count", () => {
  const config = parseTrainerConfig(
    {
      "--data_backend_config": "b.json",
      "--output_dir": "/abs/out",
      "--max_train_steps": "600",
      "--learning_rate": "1e-3",
      checkpoint_step_interval: 50,
      validation_step_interval: 25,
      something_else: { nested: true },
    },
    "/base",
  );
  assert.equal(config.maxTrainSteps, 600);
  assert.equal(config.learningRate, 0.001);
  assert.equal(config.checkpointSteps, 50);
  assert.equal(config.validationSteps, 25);
  assert.equal(config.dataBackendPath, "/base/b.json");
  assert.equal(config.outputDir, "/abs/out");
});

test("a resolution meant for big models becomes 32 with one note", () => {
  const config = parseTrainerConfig({ ...smallest, resolution: 1024 }, "/");
  assert.equal(config.resolution, 32);
  assert.equal(config.notes.length, 1);
  assert.deepEqual(parseTrainerConfig({ ...smallest, resolution: 48 }, "/").notes, []);
});

test("the endpoint keeps its path prefix and gets a scheme from use_ssl", () => {
  const entry = { provider: "s3", bucket: "outputs", access_key: "a", secret_key: "b", base_path: "/job-1/" };
  const target = (endpoint_url: string, use_ssl?: boolean): string | undefined =>
    parseTrainerConfig({ ...smallest, publishing_config: [{ ...entry, endpoint_url, use_ssl }] }, "/")
      .publishing[0]?.endpointUrl;
  assert.equal(target("http://127.0.0.1:8001/api/cloud/storage/"), "http://127.0.0.1:8001/api/cloud/storage");
  assert.equal(target("127.0.0.1:9000", false), "http://127.0.0.1:9000");
  assert.equal(target("s3.example.com"), "https://s3.example.com");
});

test("a missing or malformed file is named together with its key", async () => {
  await assert.rejects(readTrainerConfig({}, folder), /^TrainerFailure: CONFIG_PATH: set it/);
  await assert.rejects(
    readTrainerConfig({ CONFIG_PATH: "none.json" }, folder),
    /CONFIG_PATH: .*none\.json cannot be read/,
  );
  await writeFile(join(folder, "bad.json"), "{");
  await assert.rejects(readTrainerConfig({ CONFIG_PATH: "bad.json" }, folder), /bad\.json is not valid JSON/);
  const toml = { CONFIG_PATH: "bad.json", SIMPLETUNER_CONFIG_BACKEND: "toml" };
  await assert.rejects(readTrainerConfig(toml, folder), /SIMPLETUNER_CONFIG_BACKEND: "toml"/);
});

test("only enabled local image datasets are trained on", async () => {
  const path = join(folder, "backends.json");
  const entries = [
    { id: "kept", type: "local", instance_data_dir: "images" },
    { id: "off", type: "local", instance_data_dir: "images", disabled: true },
    { id: "text", type: "local", dataset_type: "text_embeds" },
    { id: "far", type: "aws", instance_data_dir: "images" },
  ];
  await writeFile(path, JSON.stringify(entries));
  const backends = await readImageBackends(path, "/data", []);
  assert.deepEqual(
    backends.map(({ id, directory }) => [id, directory]),
    [["kept", "/data/images"]],
  );
  await writeFile(path, JSON.stringify(entries.slice(1)));
  await assert.rejects(readImageBackends(path, "/data", []), /names no enabled local image dataset/);
  await writeFile(path, JSON.stringify({ datasets: [] }));
  await assert.rejects(readImageBackends(path, "/data", []), /must hold a JSON array/);
});
