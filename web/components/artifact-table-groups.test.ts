import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { artifactGroups, curlCommand, modelFile, s3Command, shellWord } from "./artifact-table-groups.ts";

function file(key: string, kind: Artifact["kind"], sizeBytes = 10, step: number | null = null): Artifact {
  return {
    key,
    kind,
    size_bytes: sizeBytes,
    etag: "",
    last_modified: "2026-01-01T00:00:00.000Z",
    step,
    url: `/files/${encodeURIComponent(key)}`,
    path: null,
  };
}

describe("groups of files", () => {
  test("no files, no groups, no model", () => {
    assert.deepEqual(artifactGroups([]), []);
    assert.equal(modelFile([]), null);
  });

  test("model first, newest checkpoint next, samples and the rest after", () => {
    const groups = artifactGroups([
      file("samples/step-100/image-10.png", "sample"),
      file("checkpoint-100/pytorch_lora_weights.safetensors", "checkpoint"),
      file("debug.log", "other"),
      file("checkpoint-1000/training_state.json", "checkpoint", 5),
      file("checkpoint-1000/pytorch_lora_weights.safetensors", "checkpoint", 7),
      file("pytorch_lora_weights.safetensors", "model"),
      file("samples/step-100/image-2.png", "sample"),
    ]);
    assert.deepEqual(
      groups.map((group) => group.key),
      ["model", "checkpoint-1000", "checkpoint-100", "sample", "other"],
    );
    assert.equal(groups[1]?.sizeBytes, 12);
    assert.equal(groups[1]?.step, 1000);
    assert.deepEqual(
      groups[3]?.files.map((artifact) => artifact.key),
      ["samples/step-100/image-2.png", "samples/step-100/image-10.png"],
    );
  });

  test("the model is the largest weights file, not a readme beside it", () => {
    const found = modelFile([
      file("README.md", "model", 999),
      file("a.safetensors", "model", 5),
      file("b.safetensors", "model", 50),
    ]);
    assert.equal(found?.key, "b.safetensors");
    assert.equal(modelFile([file("model.bin", "model")])?.key, "model.bin");
  });
});

describe("commands to copy", () => {
  test("names cannot break out of their word", () => {
    assert.equal(shellWord("plain-name_1.png"), "plain-name_1.png");
    assert.equal(shellWord("a b; rm -rf $HOME"), "'a b; rm -rf $HOME'");
    assert.equal(shellWord("it's"), `'it'"'"'s'`);
  });

  test("curl and aws lines", () => {
    const line = curlCommand("http://127.0.0.1:8001", file("samples/two words.png", "sample"));
    assert.equal(
      line,
      "curl --fail --continue-at - --output 'two words.png' http://127.0.0.1:8001/files/samples%2Ftwo%20words.png",
    );
    assert.equal(
      s3Command("http://127.0.0.1:8001", "job-1"),
      "aws s3 cp --recursive --endpoint-url http://127.0.0.1:8001/api/cloud/storage s3://outputs/job-1/ ./job-1/",
    );
  });
});
