import assert from "node:assert/strict";
import { test } from "node:test";
import { matchingTensors, readableMetadata, shapeText } from "./safetensors-text.ts";

const tensor = (name: string, dtype: string, ...shape: number[]) => ({
  name,
  dtype,
  shape,
  parameters: 1,
  size_bytes: 1,
});

test("tensors are found by parts of name, type and shape, all of which must fit", () => {
  const tensors = [
    tensor("unet.down.0.to_q.lora_A.weight", "BF16", 16, 320),
    tensor("unet.up.1.to_k.lora_B.weight", "F32", 320, 16),
    tensor("scale", "F32"),
  ];
  const names = (filter: string) => matchingTensors(tensors, filter).map(({ name }) => name);
  assert.equal(matchingTensors(tensors, "  "), tensors);
  assert.deepEqual(names("LORA_a"), ["unet.down.0.to_q.lora_A.weight"]);
  assert.deepEqual(names("unet f32"), ["unet.up.1.to_k.lora_B.weight"]);
  assert.deepEqual(names("16x320"), ["unet.down.0.to_q.lora_A.weight"]);
  assert.deepEqual(names("320×16"), ["unet.up.1.to_k.lora_B.weight"]);
  assert.deepEqual(names(".*"), []);
});

test("shapes and metadata for people", () => {
  assert.equal(shapeText([16, 320]), "16 × 320");
  assert.equal(shapeText([]), "");
  assert.equal(readableMetadata('{"a":1}'), '{\n  "a": 1\n}');
  assert.equal(readableMetadata("{broken"), "{broken");
  assert.equal(readableMetadata("200"), "200");
});
