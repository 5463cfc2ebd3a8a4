import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { checkpointLimit, checkpointsToDelete } from "./checkpoint-retention.ts";

const at = (key: string, lastModifiedMs = 1): { key: string; lastModifiedMs: number } => ({
  key,
  lastModifiedMs,
});

describe("which checkpoints go", () => {
  it("is the oldest by step, as whole folders; numbers are not texts", () => {
    const artifacts = [
      at("checkpoint-1000/pytorch_lora_weights.safetensors"),
      at("checkpoint-1000/optimizer.bin"),
      at("checkpoint-500/pytorch_lora_weights.safetensors"),
      at("checkpoint-500/deep/er/state.json"),
      at("checkpoint-1500/pytorch_lora_weights.safetensors"),
    ];
    assert.deepEqual(checkpointsToDelete(artifacts, 2), [
      "checkpoint-500/pytorch_lora_weights.safetensors",
      "checkpoint-500/deep/er/state.json",
    ]);
    assert.deepEqual(checkpointsToDelete(artifacts, 3), []);
  });

  it("is never the newest, the model, a sample or anything else", () => {
    const artifacts = [
      at("checkpoint-500/model.safetensors"),
      at("checkpoint-500/assets/image.png"),
      at("checkpoint-1000/model.safetensors"),
      at("model.safetensors"),
      at("samples/step_500_0.png"),
      at("checkpoint-final/model.safetensors"),
      at("my-checkpoint-1/x"),
      at("checkpoint-7"),
    ];
    for (const keep of [1, 0, -3])
      assert.deepEqual(checkpointsToDelete(artifacts, keep), ["checkpoint-500/model.safetensors"]);
  });

  it("knows checkpoints in folders, and equal steps by their age", () => {
    const artifacts = [at("run/checkpoint-10/a", 5), at("checkpoint-10/a", 9), at("x/y/checkpoint-20/a", 1)];
    assert.deepEqual(checkpointsToDelete(artifacts, 2), ["run/checkpoint-10/a"]);
  });

  it("does not count a folder that was deleted before and has a sample left", () => {
    const artifacts = [at("checkpoint-9/a"), at("checkpoint-99/image.png"), at("checkpoint-10/a")];
    assert.deepEqual(checkpointsToDelete(artifacts, 2), []);
  });

  it("leaves as many as wanted, and deleting once is enough, whatever is there", () => {
    const key = fc
      .tuple(fc.nat(12), fc.constantFrom("a", "b/c", "x.png"))
      .map(([step, name]) => at(`checkpoint-${step}/${name}`, step));
    fc.assert(
      fc.property(fc.array(key), fc.integer({ min: 1, max: 5 }), (artifacts, keep) => {
        const doomed = new Set(checkpointsToDelete(artifacts, keep));
        const left = artifacts.filter((artifact) => !doomed.has(artifact.key));
        assert.deepEqual(checkpointsToDelete(left, keep), []);
        const steps = (some: typeof artifacts): Set<number> =>
          new Set(some.filter((one) => !one.key.endsWith("png")).map((one) => one.lastModifiedMs));
        assert.equal(steps(left).size, Math.min(keep, steps(artifacts).size));
      }),
    );
  });
});

describe("how many checkpoints stay", () => {
  it("is the job's own limit, else the setting, else all", () => {
    assert.equal(checkpointLimit({ checkpoints_total_limit: 3 }, 5), 3);
    assert.equal(checkpointLimit({ checkpoints_total_limit: "2" }, null), 2);
    for (const limit of [0, -1, null, undefined, "many", 1.5]) {
      assert.equal(checkpointLimit({ checkpoints_total_limit: limit }, 5), 5);
      assert.equal(checkpointLimit({ checkpoints_total_limit: limit }, null), null);
    }
    assert.equal(checkpointLimit({}, 0), null);
  });
});
