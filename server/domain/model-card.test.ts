import assert from "node:assert/strict";
import { test } from "node:test";
import { type CardFacts, modelCard } from "./model-card.ts";

const facts: CardFacts = {
  job: {
    job_id: "j1",
    name: "Lighthouse | <b>bold</b>",
    model_family: "sdxl",
    hardware_type: "L40S",
    duration_seconds: 5_400,
    completed_at: "2026-11-10T13:30:00.000Z",
    progress: {
      stage: "Training",
      step: 2_000,
      total_steps: 2_000,
      percent: 100,
      epoch: null,
      loss: 0.123456,
      learning_rate: null,
      steps_per_second: null,
      eta_seconds: null,
      last_log: null,
      updated_at: "2026-11-10T13:30:00.000Z",
    },
  },
  config: {
    model_type: "lora",
    lora_rank: 16,
    learning_rate: 1e-4,
    validation_prompt: 'a "lighthouse", by night\n---\nlicense: mit',
    instance_prompt: "lhouse",
    pretrained_model_name_or_path: "stabilityai/stable-diffusion-xl-base-1.0",
    output_dir: "/data/ada/out",
  },
  dataloader: [{ id: "coast", instance_data_dir: "/data/ada/coast", caption_strategy: "textfile" }],
  datasets: [{ id: "coast", files: 1_200, bytes: 3 * 2 ** 20 }],
  paths: ["pytorch_lora_weights.safetensors", "samples/step_1000_0.png", "samples/step_2000 (a).png"],
  license: null,
};

test("a card says what was trained on what, and how to use it", () => {
  const card = modelCard(facts);
  for (const line of [
    'license: "openrail++"',
    'base_model: "stabilityai/stable-diffusion-xl-base-1.0"',
    "pipeline_tag: text-to-image",
    '  - "simpletuner"',
    '  - "template:sd-lora"',
    'instance_prompt: "lhouse"',
    "| Steps | 2,000 |",
    "| Last loss | 0.1235 |",
    "| Rank | 16 |",
    "| Time | 1 h 30 min |",
    "| coast | 1,200 files, 3 MiB |",
    "Use `lhouse` in the prompt.",
    "![Sample after step 2000](samples/step_2000%20%28a%29.png)",
  ])
    assert.ok(card.includes(line), line);
  assert.ok(!card.includes("step_1000"), "only the last step's samples are shown");
});

test("nothing that a person wrote leaves its place, and no path of the machine is told", () => {
  const card = modelCard({
    ...facts,
    config: { ...facts.config, pretrained_model_name_or_path: "/models/own" },
  });
  assert.equal(card.split("\n").filter((line) => line === "---").length, 2, "the front matter ends once");
  assert.ok(card.includes(String.raw`# Lighthouse \| \<b\>bold\</b\>`));
  assert.ok(!card.includes("/data/") && !card.includes("/models/"));
  assert.ok(!card.includes("base_model"));
});

test("a license of one's own wins; an unknown family claims none", () => {
  assert.match(modelCard({ ...facts, license: "mit" }), /^---\nlicense: "mit"\nbase_model/);
  const unknown = modelCard({ ...facts, job: { ...facts.job, model_family: "pixel-denoiser" }, paths: [] });
  assert.ok(!/^license|^widget|diffusers|## License/m.test(unknown));
});
