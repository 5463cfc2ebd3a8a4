import assert from "node:assert/strict";
import { test } from "node:test";
import { configProblems, dataloaderProblems, isLocalImageFolder, normalizeConfig } from "./config-rules.ts";

const good = { model_family: "sdxl", max_train_steps: 100 };

test("names with and without dashes mean the same, without wins", () => {
  assert.deepEqual(normalizeConfig({ "--seed": 1, seed: 2, "--learning_rate": "1e-4" }), {
    seed: 2,
    learning_rate: "1e-4",
  });
});

test("a good configuration has no problem, and unknown options go through", () => {
  assert.deepEqual(configProblems({ ...good, learning_rate: "1e-4", something_new: { a: 1 } }), []);
  assert.deepEqual(configProblems({ num_train_epochs: 3 }), []);
});

const wrong: [field: string, value: unknown][] = [
  ["max_train_steps", -1],
  ["max_train_steps", 1.5],
  ["max_train_steps", "many"],
  ["max_train_steps", ""],
  ["max_train_steps", {}],
  ["train_batch_size", 0],
  ["learning_rate", 0],
  ["learning_rate", "fast"],
  ["learning_rate", Number.POSITIVE_INFINITY],
  ["model_family", ""],
  ["model_family", 5],
  ["resolution", -512],
  ["lora_rank", 0],
  ["publishing_config", "s3"],
];
for (const [field, value] of wrong) {
  test(`config.${field} = ${JSON.stringify(value)} is told by its name`, () => {
    const problems = configProblems({ ...good, [field]: value });
    assert.deepEqual(
      problems.map((problem) => problem.field),
      [`config.${field}`],
    );
    assert.match(problems[0]!.problem, /^must be/);
  });
}

test("a configuration that would train nothing says what to set", () => {
  for (const config of [{}, { max_train_steps: 0 }, { max_train_steps: 0, num_train_epochs: 0 }])
    assert.equal(configProblems(config)[0]?.field, "config.max_train_steps");
});

test("datasets: every problem names its place", () => {
  const fields = (datasets: Record<string, unknown>[]) =>
    dataloaderProblems(datasets).map(({ field }) => field);
  const folder = { type: "local", instance_data_dir: "/data" };
  assert.deepEqual(fields([{ id: "a", ...folder }]), []);
  assert.deepEqual(fields([]), ["dataloader_config"]);
  assert.deepEqual(fields([{ ...folder }]), ["dataloader_config[0].id"]);
  assert.deepEqual(fields([{ id: " ", ...folder }]), ["dataloader_config[0].id"]);
  assert.deepEqual(
    fields([
      { id: "a", ...folder },
      { id: "a", ...folder },
    ]),
    ["dataloader_config[1].id"],
  );
  assert.deepEqual(fields([{ id: "a", type: "local" }]), ["dataloader_config[0].instance_data_dir"]);
  assert.deepEqual(fields([{ id: "a", ...folder, disabled: true }]), ["dataloader_config"]);
  assert.deepEqual(fields([{ id: "t", ...folder, dataset_type: "text_embeds" }]), ["dataloader_config"]);
});

test("only enabled image folders of this machine are sent", () => {
  assert.equal(isLocalImageFolder({}), true);
  assert.equal(isLocalImageFolder({ type: "local" }), true);
  assert.equal(isLocalImageFolder({ type: "aws" }), false);
  assert.equal(isLocalImageFolder({ disabled: true }), false);
  assert.equal(isLocalImageFolder({ dataset_type: "image_embeds" }), false);
});
