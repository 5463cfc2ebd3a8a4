import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { bandStatistics, bandTransform } from "./bands.ts";
import { readTrainerConfig } from "./config.ts";
import { openDataset } from "./dataset.ts";
import { denoise } from "./diffusion.ts";
import { type TrainerFailure, undelivered } from "./failure.ts";
import { fillModel, statisticsOf, untrainedModel } from "./model.ts";
import { seededRandom } from "./random.ts";
import { readSafetensors } from "./safetensors.ts";
import { copySamples, memoryLog, memoryWebhooks, sampleImages, testFolder, writeConfig } from "./test-run.ts";
import { prepareOutputDir, scheduleFactor, train } from "./training.ts";
import { startDelivery } from "./upload.ts";
import type { TrainerEvent } from "./webhook.ts";

interface Finished {
  lines: string[];
  events: TrainerEvent[];
  outcome: string;
}

/** Trains in this process; `stopWhen` asks for an end after an event. */
async function runTraining(
  configPath: string,
  stopWhen: (event: TrainerEvent) => boolean = () => false,
): Promise<Finished> {
  const config = await readTrainerConfig({ CONFIG_PATH: configPath }, "/");
  const log = memoryLog();
  const events: TrainerEvent[] = [];
  const stop = new AbortController();
  const webhooks = memoryWebhooks((event) => {
    events.push(event);
    if (stopWhen(event)) stop.abort();
  });
  await prepareOutputDir(config.outputDir);
  const delivery = await startDelivery(config.outputDir, [], log);
  const outcome = await train(config, "/", { log, webhooks, delivery }, stop.signal);
  return { lines: log.lines, events, outcome };
}

async function stateOf(folder: string, step: number): Promise<Record<string, unknown>> {
  return JSON.parse(
    await readFile(join(folder, "output", `checkpoint-${step}`, "training_state.json"), "utf8"),
  );
}

const weights = "pytorch_lora_weights.safetensors";

test("training on the sample pictures lowers the loss, and its weights denoise unseen pictures better", async () => {
  const folder = await testFolder();
  const images = await copySamples(folder, 0, 30);
  const steps = 160;
  const path = await writeConfig(folder, images, {
    max_train_steps: steps,
    train_batch_size: 8,
    checkpointing_steps: 20,
    checkpoints_total_limit: 0,
  });
  await runTraining(path);
  const early = Number((await stateOf(folder, 20))["loss_ema"]);
  const late = Number((await stateOf(folder, steps))["loss_ema"]);
  assert.ok(late < 0.75 * early, `loss went from ${early} to ${late}`);

  const transform = bandTransform(16);
  const { tensors, metadata } = await readSafetensors(join(folder, "output", weights));
  assert.equal(metadata["step"], String(steps));
  assert.equal(metadata["datasets"], "coast");
  const statistics = statisticsOf(tensors, transform.bands)!;
  const reloaded = untrainedModel(transform, 8, 999, statistics);
  fillModel(reloaded, tensors);
  const untrained = untrainedModel(transform, 8, 7, statistics);

  const unseen = await copySamples(join(folder, "unseen"), 30, 36);
  const backend = {
    id: "unseen",
    directory: unseen,
    captionStrategy: "textfile",
    instancePrompt: "",
  } as const;
  const dataset = await openDataset([backend], transform, memoryLog());
  const random = seededRandom(1);
  const errors = { reloaded: 0, untrained: 0 };
  for (let index = 0; index < dataset.count; index++) {
    const { picture, rows } = await dataset.load(index);
    for (const level of [0.2, 0.6, 1.5]) {
      const noisy = picture.map((value) => value + level * random.gaussian());
      const error = (guess: Float32Array): number =>
        guess.reduce((sum, value, i) => sum + (value - picture[i]!) ** 2, 0) / level ** 2;
      errors.reloaded += error(denoise(reloaded.scaled, noisy, level, rows));
      errors.untrained += error(denoise(untrained.scaled, noisy, level, rows));
    }
  }
  assert.ok(errors.reloaded < 0.75 * errors.untrained, JSON.stringify(errors));
});

test("a stopped and resumed run ends with exactly the weights and the loss of an uninterrupted one", async () => {
  const whole = await testFolder();
  const parts = await testFolder();
  await runTraining(await writeConfig(whole, sampleImages));
  const first = await runTraining(
    await writeConfig(parts, sampleImages),
    (event) => event.checkpoint?.path === "checkpoint-20",
  );
  assert.equal(first.outcome, "stopped");
  assert.deepEqual((await readdir(join(parts, "output"))).sort(), ["checkpoint-10", "checkpoint-20"]);
  const second = await runTraining(
    await writeConfig(parts, sampleImages, { resume_from_checkpoint: "latest" }),
  );
  assert.equal(second.outcome, "finished");
  assert.ok(second.lines.some((line) => line.includes("resuming from step 20")));
  for (const file of [weights, `checkpoint-40/optimizer.safetensors`, "checkpoint-40/training_state.json"]) {
    const [one, two] = await Promise.all(
      [whole, parts].map((folder) => readFile(join(folder, "output", file))),
    );
    assert.ok(one!.equals(two!), file);
  }
});

test("half-made and damaged checkpoints are passed over, and leftovers are removed", async () => {
  const folder = await testFolder();
  const output = join(folder, "output");
  await runTraining(await writeConfig(folder, sampleImages, { max_train_steps: 20 }));
  await mkdir(join(output, ".tmp-checkpoint-30"));
  await writeFile(join(output, ".tmp-checkpoint-30", "training_state.json"), "{");
  await cp(join(output, "checkpoint-20"), join(output, "checkpoint-25"), { recursive: true });
  await cp(join(output, "checkpoint-20"), join(output, "checkpoint-20.bak"), { recursive: true });
  await writeFile(join(output, "checkpoint-20", weights), "cut");
  const path = await writeConfig(folder, sampleImages, {
    max_train_steps: 24,
    resume_from_checkpoint: "latest",
  });
  const { lines } = await runTraining(path);
  assert.ok(lines.some((line) => /^WARN checkpoint-25 is damaged .* says it is at step 20/.test(line)));
  assert.ok(lines.some((line) => line.startsWith("WARN checkpoint-20 is damaged")));
  assert.ok(lines.some((line) => line.includes("resuming from step 10")));
  assert.ok(!(await readdir(output)).some((name) => name.startsWith(".tmp-")));
  assert.equal((await stateOf(folder, 24))["global_step"], 24);
});

test("what cannot be resumed is refused with its key, and latest without checkpoints starts anew", async () => {
  const folder = await testFolder();
  const resume = (changes: Record<string, unknown>): Promise<Finished> =>
    writeConfig(folder, sampleImages, { max_train_steps: 10, ...changes }).then((path) => runTraining(path));
  await assert.rejects(
    resume({ resume_from_checkpoint: "checkpoint-10" }),
    /resume_from_checkpoint: checkpoint-10 cannot be used/,
  );
  await assert.rejects(resume({ resume_from_checkpoint: "../../etc" }), /is neither "latest" nor a name/);
  assert.equal((await resume({ resume_from_checkpoint: "latest" })).outcome, "finished");
  await assert.rejects(
    resume({ resume_from_checkpoint: "latest", resolution: 32 }),
    /^TrainerFailure: resolution: /,
  );
  await assert.rejects(
    resume({ resume_from_checkpoint: "latest", lora_rank: 16 }),
    /^TrainerFailure: lora_rank/,
  );
});

test("samples, limited checkpoints, events and lines are where and what the contract says", async () => {
  const folder = await testFolder();
  const { lines, events } = await runTraining(
    await writeConfig(folder, sampleImages, {
      checkpoints_total_limit: 2,
      validation_steps: 20,
      num_validation_images: 2,
      validation_num_inference_steps: 4,
    }),
  );
  const output = join(folder, "output");
  assert.deepEqual(
    (await readdir(output)).sort(),
    ["README.md", "checkpoint-30", "checkpoint-40", weights, "samples"].sort(),
  );
  assert.deepEqual((await readdir(join(output, "samples"))).sort(), ["step-0", "step-20", "step-40"]);
  const { width, height } = await sharp(join(output, "samples", "step-40", "image-1.png")).metadata();
  assert.deepEqual([width, height], [256, 256]);
  const last = lines.findLast((line) => line.startsWith("Training step"))!;
  assert.match(
    last,
    /^Training step 40\/40 loss=\d\.\d{4} lr=\d\.\de[-+]\d+ speed=[\d.]+it\/s eta=0s epoch=5$/,
  );
  assert.ok(lines.includes("Saving checkpoint checkpoint-30"));
  const types = new Set(events.map(({ type }) => type));
  for (const type of [
    "lifecycle.stage",
    "training.status",
    "training.progress",
    "training.checkpoint",
    "validation.image",
  ]) {
    assert.ok(types.has(type as TrainerEvent["type"]), type);
  }
  assert.deepEqual(
    events.filter(({ checkpoint }) => checkpoint?.is_final).map(({ checkpoint }) => checkpoint!.path),
    ["checkpoint-40"],
  );
});

test("a delivery that became pointless ends the training with a checkpoint and exit code 3", async () => {
  const folder = await testFolder();
  const path = await writeConfig(folder, sampleImages, { checkpointing_steps: 0, max_train_steps: 1000 });
  const config = await readTrainerConfig({ CONFIG_PATH: path }, "/");
  await prepareOutputDir(config.outputDir);
  let asked = 0;
  const failure = (): TrainerFailure | undefined =>
    ++asked > 15 ? undelivered("Delivering was refused") : undefined;
  const delivery = { offer: async () => {}, failure, finish: async () => {} };
  const ports = { log: memoryLog(), webhooks: memoryWebhooks(), delivery };
  const { signal } = new AbortController();
  await assert.rejects(train(config, "/", ports, signal), { message: "Delivering was refused", exitCode: 3 });
  assert.deepEqual(await readdir(config.outputDir), ["checkpoint-15"]);
});

test("the learning rate warms up and falls as its schedule says", () => {
  assert.equal(scheduleFactor("constant", 10, 5, 100), 0.5);
  assert.equal(scheduleFactor("constant", 10, 100, 100), 1);
  assert.ok(Math.abs(scheduleFactor("cosine", 0, 100, 100) - 0.05) < 1e-9);
  assert.ok(Math.abs(scheduleFactor("linear", 0, 50, 100) - 0.525) < 1e-9);
});

test("statistics of no spread stay usable", () => {
  const { deviation } = bandStatistics([new Float32Array(3 * 256)], 3);
  assert.ok(deviation.every((value) => value > 0));
});

test("an output folder that cannot be written is refused before training", async () => {
  const folder = await testFolder();
  await writeFile(join(folder, "file"), "");
  await assert.rejects(prepareOutputDir(join(folder, "file", "output")), {
    message: /^output_dir: /,
    exitCode: 2,
  });
  await rm(join(folder, "file"));
});
