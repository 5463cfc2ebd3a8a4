import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactKind, artifactStep, modelRank } from "./run-files.ts";

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

test("of several models the finished one is the one that lies highest, then the one named like a trainer's", () => {
  const keys = [
    "debug/pytorch_lora_weights.safetensors",
    "a.safetensors",
    "pytorch_lora_weights.safetensors",
    "checkpoint-9/model.safetensors",
  ];
  const ranked = keys.filter((key) => modelRank(key) !== null).sort((a, b) => modelRank(a)! - modelRank(b)!);
  assert.deepEqual(ranked, [
    "pytorch_lora_weights.safetensors",
    "a.safetensors",
    "debug/pytorch_lora_weights.safetensors",
  ]);
});
