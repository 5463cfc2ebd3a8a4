import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanLine, levelOf, type LineFacts, plainText, readLogLine } from "./log-progress.ts";

const lines: [line: string, facts: LineFacts][] = [
  [
    "Training step 40/600 loss=0.18 lr=1.0e-3 speed=37.2it/s eta=15s epoch=3",
    {
      stage: "Training",
      step: 40,
      totalSteps: 600,
      loss: 0.18,
      learningRate: 0.001,
      stepsPerSecond: 37.2,
      etaSeconds: 15,
      epoch: 3,
    },
  ],
  [
    "Epoch 1/10, Steps:  40%|####      | 40/100 [00:12<01:00:18,  2.00s/it, lr=1e-4, step_loss=0.12]",
    {
      stage: "Training",
      step: 40,
      totalSteps: 100,
      etaSeconds: 3618,
      stepsPerSecond: 0.5,
      learningRate: 1e-4,
      loss: 0.12,
      epoch: 1,
    },
  ],
  [
    " 40%|████      | 40/100 [00:12<00:18,  3.30it/s, loss=-0.5]",
    { stage: "Training", step: 40, totalSteps: 100, etaSeconds: 18, stepsPerSecond: 3.3, loss: -0.5 },
  ],
  ["Steps:   0%|          | 0/100 [00:00<?, ?it/s]", { stage: "Training", step: 0, totalSteps: 100 }],
  ["[TRAINING] Step 4/10 (40%) going on", { stage: "Training", step: 4, totalSteps: 10 }],
  ["step 4 of 10", { stage: "Training", step: 4, totalSteps: 10 }],
  ["epoch 3/10", { stage: "Training", epoch: 3 }],
  // Bars that load or cache are no training steps.
  ["Loading checkpoint shards: 100%|##########| 7/7 [00:01<00:00, 5.1it/s]", { stage: "Preprocessing" }],
  ["Processing images: 3/9 [00:01<00:02, 5.1it/s]", {}],
  ["Warming up the optimiser", { stage: "Warmup" }],
  ["Saving checkpoint-200", { stage: "Saving checkpoint" }],
  ["Running validation prompts", { stage: "Validation" }],
  ["Uploading model.safetensors", { stage: "Uploading" }],
  ["nothing to see here", {}],
  ["", {}],
  ["loss=nan lr=.", {}],
  ["val_loss=0.5", {}],
  ["Steps: 1/2 [00:01<00:01, 0s/it]", { stage: "Training", step: 1, totalSteps: 2, etaSeconds: 1 }],
  [
    "\u001b[32mTraining\u001b[0m step \u001b[1m5/9\u001b[0m loss=0.25",
    { stage: "Training", step: 5, totalSteps: 9, loss: 0.25 },
  ],
];

for (const [line, facts] of lines)
  test(`reads ${JSON.stringify(line)}`, () => assert.deepEqual(readLogLine(line), facts));

test("no line makes a figure that is not a number, whatever it holds", () => {
  const part = fc.constantFrom(
    "loss=",
    "step ",
    "1/2",
    "[",
    "]",
    "<",
    "..",
    "9".repeat(400),
    "it/s",
    "e5",
    ",",
    " ",
    "eta=",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join("")),
      ),
      (line) => {
        for (const value of Object.values(readLogLine(line)))
          assert.ok(typeof value === "string" || Number.isFinite(value), `${line}: ${value}`);
      },
    ),
  );
});

test("a line of a million characters is read at once, whatever it repeats", () => {
  for (const piece of ["9", "step ", " ", "1/", "1/2 [", "loss=", "\u001b[", "Error", "<00:", "epoch: "]) {
    const line = `step ${piece.repeat(1_000_000 / piece.length)}`;
    const startedAt = performance.now();
    readLogLine(line);
    levelOf(line);
    cleanLine(line);
    assert.ok(performance.now() - startedAt < 2_000, `${JSON.stringify(piece)} took too long`);
  }
});

test("levels come from the words of trainers and of Python", () => {
  assert.equal(levelOf("2026-01-31 ERROR cannot load"), "error");
  assert.equal(levelOf("\u001b[31mERROR\u001b[0m cannot load"), "error");
  assert.equal(levelOf("Traceback (most recent call last):"), "error");
  assert.equal(levelOf("ValueError: no"), "error");
  assert.equal(levelOf("torch.cuda.OutOfMemoryError: CUDA"), "error");
  assert.equal(levelOf("[WARNING] hm"), "warning");
  assert.equal(levelOf("DEBUG x"), "debug");
  assert.equal(levelOf("no errors found"), "info");
});

test("of a bar drawn over itself only its last state is kept, and Windows line ends are no part of a line", () => {
  assert.equal(cleanLine("a 1%\ra 2%\ra 3%"), "a 3%");
  assert.equal(cleanLine("a line\r"), "a line");
  assert.equal(cleanLine("10%\r20%\r\r"), "20%");
  assert.equal(cleanLine(""), "");
});

test("colours are taken off", () => assert.equal(plainText("\u001b[1;31mred\u001b[0m"), "red"));
