import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configFields,
  freshDataset,
  keyOf,
  otherOptions,
  otherProblems,
  problemOf,
  textOf,
  withText,
  type ConfigField,
} from "./config-value.ts";

function field(name: string): ConfigField {
  const found = configFields.find((each) => each.names[0] === name);
  assert.ok(found);
  return found;
}

test("an option keeps the spelling the configuration has, dashes included", () => {
  const checkpoint = field("checkpoint_step_interval");
  assert.equal(keyOf(checkpoint, {}), "checkpoint_step_interval");
  assert.equal(keyOf(checkpoint, { checkpointing_steps: 5 }), "checkpointing_steps");
  assert.equal(keyOf(checkpoint, { "--checkpointing_steps": 5 }), "--checkpointing_steps");
  assert.deepEqual(withText(checkpoint, { "--checkpointing_steps": 5 }, "7"), { "--checkpointing_steps": 7 });
});

test("what is no number stays text, so that the server can name the problem", () => {
  const rate = field("learning_rate");
  assert.deepEqual(withText(rate, {}, "1e-4"), { learning_rate: 0.0001 });
  assert.deepEqual(withText(rate, {}, "fast"), { learning_rate: "fast" });
  assert.deepEqual(withText(rate, { learning_rate: 1, seed: 2 }, " "), { seed: 2 });
});

test("values of any kind show as text and nothing else of the configuration changes", () => {
  const family = field("model_family");
  assert.equal(textOf(family, { model_family: null }), "");
  assert.equal(textOf(family, { model_family: ["a"] }), '["a"]');
  assert.equal(otherOptions({ model_family: "x", "--seed": 1, lr_scheduler: "cosine" }), 1);
});

test("problems go to their field, and those without one on screen are listed", () => {
  const problems = [
    { field: "config.max_train_steps", problem: "steps" },
    { field: "config.publishing_config", problem: "list" },
    { field: "dataloader_config[0].id", problem: "name" },
    { field: "dataloader_config[1].id", problem: "hidden row" },
  ];
  const value = { config: {}, datasets: [{ id: "a" }, { id: "b", dataset_type: "text_embeds" }] };
  assert.equal(problemOf(field("max_train_steps"), problems), "steps");
  assert.deepEqual(
    otherProblems(value, problems).map((each) => each.problem),
    ["list", "hidden row"],
  );
});

test("a new dataset never takes a name that is taken", () => {
  assert.equal(freshDataset([])["id"], "images");
  assert.equal(freshDataset([{ id: "images" }, { id: "images-2" }])["id"], "images-3");
});
