import assert from "node:assert/strict";
import { test } from "node:test";
import { plannedFiles } from "./delivery-plan.ts";

const planned = (keys: readonly string[], samples: boolean, checkpoints: boolean) =>
  plannedFiles(
    keys.map((key) => ({ key, sizeBytes: 1 })),
    { include_samples: samples, include_checkpoints: checkpoints },
  ).map(({ path }) => path);

const keys = [
  "README.md",
  "checkpoint-100/optimizer.bin",
  "checkpoint-100/pytorch_lora_weights.safetensors",
  "checkpoint-100/assets/a.png",
  "pytorch_lora_weights.safetensors",
  "samples/step_100_0.png",
  ".uploads.json",
];

test("the model always goes; samples and checkpoints as the place says", () => {
  assert.deepEqual(planned(keys, false, false), ["README.md", "pytorch_lora_weights.safetensors"]);
  assert.deepEqual(planned(keys, true, false), [
    "README.md",
    "pytorch_lora_weights.safetensors",
    "samples/step_100_0.png",
  ]);
  assert.equal(planned(keys, true, true).length, 6, "all but the trainer's own books");
});

test("the model's folder becomes the top; where two files would meet, both keep their paths", () => {
  const inFolder = ["flux-lora/pytorch_lora_weights.safetensors", "flux-lora/samples/a.png", "log.txt"];
  assert.deepEqual(planned(inFolder, true, false), [
    "pytorch_lora_weights.safetensors",
    "samples/a.png",
    "log.txt",
  ]);
  assert.deepEqual(planned(["x/model.safetensors", "x/log.txt", "log.txt"], true, false), [
    "model.safetensors",
    "x/log.txt",
    "log.txt",
  ]);
});

test("without a model and a checkpoint there is nothing to deliver", () => {
  assert.deepEqual(planned(["samples/a.png", "log.txt"], true, true), []);
  assert.deepEqual(planned(["checkpoint-1/model.safetensors"], true, false), []);
});
