import assert from "node:assert/strict";
import { test } from "node:test";
import { hardwareWord, providerWord } from "./provider-words.ts";

test("providers and their hardware are named for people; what nobody knows stays as it is", () => {
  assert.deepEqual(["replicate", "simpletuner_io", "elsewhere"].map(providerWord), [
    "Replicate",
    "SimpleTuner.io",
    "elsewhere",
  ]);
  assert.notEqual(providerWord("local"), "local");
  const hardware = ["h100", "l40s-x4", "somebody/model", "h100-x"];
  assert.deepEqual(
    hardware.map((each) => hardwareWord("replicate", each)),
    ["H100", "4 × L40S", "somebody/model", "h100-x"],
  );
  assert.equal(hardwareWord("local", "h100"), "h100");
});
