import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import {
  archiveUrl,
  awsCommand,
  curlArchiveCommand,
  curlCommand,
  ownCommand,
  placeOf,
  pythonLine,
  rcloneCommand,
  shellWord,
} from "./artifact-commands.ts";
import { artifactGroups, groupFolder, modelFile, previewOf, savedAt } from "./artifact-groups.ts";

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
      file("samples/step-20/image-1.png", "sample", 10, 20),
      file("samples/step-100/image-10.png", "sample", 10, 100),
      file("checkpoint-100/pytorch_lora_weights.safetensors", "checkpoint"),
      file("debug.log", "other"),
      file("checkpoint-1000/training_state.json", "checkpoint", 5),
      {
        ...file("checkpoint-1000/a.safetensors", "checkpoint", 7),
        last_modified: "2026-01-02T00:00:00.000Z",
      },
      file("pytorch_lora_weights.safetensors", "model"),
      file("samples/step-100/image-2.png", "sample", 10, 100),
    ]);
    assert.deepEqual(
      groups.map((group) => group.key),
      ["model", "checkpoint-1000", "checkpoint-100", "sample", "other"],
    );
    const [, newest, , samples] = groups;
    assert.ok(newest && samples);
    assert.deepEqual([newest.sizeBytes, newest.step], [12, 1000]);
    assert.equal(savedAt(newest), "2026-01-02T00:00:00.000Z");
    assert.equal(groupFolder(newest), "checkpoint-1000/");
    assert.equal(groupFolder(samples), null);
    assert.deepEqual(
      samples.files.map((artifact) => artifact.key),
      ["samples/step-100/image-2.png", "samples/step-100/image-10.png", "samples/step-20/image-1.png"],
    );
  });

  test("a checkpoint in a deeper folder, and one that lies in two", () => {
    const folderOf = (...keys: string[]) => {
      const [group] = artifactGroups(keys.map((key) => file(key, "checkpoint", 1, 5)));
      return group ? groupFolder(group) : undefined;
    };
    assert.equal(folderOf("run/checkpoint-5/a", "run/checkpoint-5/b"), "run/checkpoint-5/");
    assert.equal(folderOf("one/checkpoint-5/a", "two/checkpoint-5/b"), null);
    assert.equal(folderOf("step-5.bin"), null);
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

  test("what can be looked at", () => {
    assert.equal(previewOf("samples/A.PNG"), "image");
    assert.equal(previewOf("checkpoint-1/optimizer.safetensors"), "safetensors");
    assert.equal(previewOf("README.md"), "text");
    // Scripts of a picture would run with the page's rights if it were ever opened as a page.
    assert.equal(previewOf("a.svg"), null);
    assert.equal(previewOf("png"), null);
  });
});

describe("commands to copy", () => {
  const here = placeOf({ origin: "http://127.0.0.1:8001", hostname: "127.0.0.1" });
  const afar = placeOf({ origin: "https://gpu.example", hostname: "gpu.example" });

  test("names cannot break out of their word", () => {
    assert.equal(shellWord("plain-name_1.png"), "plain-name_1.png");
    assert.equal(shellWord("a b; rm -rf $HOME"), "'a b; rm -rf $HOME'");
    assert.equal(shellWord("it's"), `'it'"'"'s'`);
    assert.equal(
      pythonLine('/a "b"/c.safetensors'),
      String.raw`pipeline.load_lora_weights("/a \"b\"", weight_name="c.safetensors")`,
    );
  });

  test("on the server's own machine no key is asked for", () => {
    assert.equal(
      curlCommand(here, file("samples/two words.png", "sample")),
      "curl --fail --continue-at - --output 'two words.png' http://127.0.0.1:8001/files/samples%2Ftwo%20words.png",
    );
    assert.equal(
      awsCommand(here, "job-1"),
      "aws s3 sync --no-sign-request --endpoint-url http://127.0.0.1:8001/api/cloud/storage s3://outputs/job-1/ ./job-1/",
    );
    assert.equal(
      rcloneCommand(here, "job-1"),
      `rclone copy --progress ':s3,provider=Other,region=auto,endpoint="http://127.0.0.1:8001/api/cloud/storage":outputs/job-1/' ./job-1/`,
    );
    assert.equal(
      ownCommand(here, "job-1", "--model"),
      "npx simpletuner-cloud --server http://127.0.0.1:8001 jobs download job-1 --model",
    );
  });

  test("from elsewhere a key is", () => {
    assert.match(
      curlArchiveCommand(afar, "job-1", "a.zip"),
      /Bearer \$SIMPLETUNER_TOKEN.*job-1\/artifacts\/archive$/,
    );
    assert.ok(!awsCommand(afar, "job-1").includes("--no-sign-request"));
    for (const hostname of ["127.0.0.1.example", "localhost.example", "10.0.0.1"])
      assert.equal(placeOf({ origin: "", hostname }).isLocal, false);
    assert.equal(placeOf({ origin: "", hostname: "[::1]" }).isLocal, true);
  });

  test("the archive of a folder and of everything", () => {
    assert.equal(archiveUrl("j", null), "/api/cloud/jobs/j/artifacts/archive");
    assert.equal(
      archiveUrl("j", "checkpoint-5/"),
      "/api/cloud/jobs/j/artifacts/archive?prefix=checkpoint-5%2F",
    );
  });
});
