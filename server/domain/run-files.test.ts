import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactKind, artifactStep } from "./run-files.ts";

const files: [key: string, kind: string, step: number | null][] = [
  ["pytorch_lora_weights.safetensors", "model", null],
  ["my-lora/model.safetensors", "model", null],
  ["a/b/deep.safetensors", "other", null],
  ["checkpoint-200/pytorch_lora_weights.safetensors", "checkpoint", 200],
  ["checkpoint-200/training_state.json", "checkpoint", 200],
  ["my-lora/checkpoint-50/optimizer.bin", "checkpoint", 50],
  ["checkpoint-200/sample.png", "sample", 200],
  ["samples/step-40/prompt.PNG", "sample", 40],
  ["validation_images/step_100_lighthouse_0.jpg", "sample", 100],
  ["checkpoint-final/x.bin", "other", null],
  ["config.json", "other", null],
  ["", "other", null],
];
for (const [key, kind, step] of files) {
  test(`${key || "an empty key"} is ${kind}${step === null ? "" : ` of step ${step}`}`, () => {
    assert.equal(artifactKind(key), kind);
    assert.equal(artifactStep(key), step);
  });
}
