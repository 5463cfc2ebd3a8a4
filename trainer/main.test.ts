import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sampleImages, testFolder, writeConfig } from "./test-run.ts";

interface Program {
  child: ChildProcess;
  output: () => string;
  ended: Promise<{ code: number | null; signal: string | null }>;
}

/** Starts the trainer as the server does. */
function startTrainer(configPath: string): Program {
  const environment = { ...process.env, CONFIG_PATH: configPath, SIMPLETUNER_CONFIG_BACKEND: "json" };
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  after(() => child.kill("SIGKILL"));
  return { child, output: () => text, ended };
}

function waitForOutput({ child, output }: Program, wanted: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      if (wanted.test(output())) resolve();
    };
    child.stdout!.on("data", check);
    child.once("close", () => reject(new Error(`ended without ${wanted}: ${output()}`)));
    check();
  });
}

test("an unusable dataset ends with one ERROR line and exit code 2", async () => {
  const folder = await testFolder();
  const program = startTrainer(await writeConfig(folder, join(folder, "nowhere")));
  assert.equal((await program.ended).code, 2);
  assert.equal(program.output().match(/^ERROR .*$/gm)?.length, 1);
  assert.match(program.output(), /^ERROR dataset "coast": the folder .*nowhere does not exist\./m);
});

test("SIGTERM saves a checkpoint and exits 143, and a torn pipe does not stop the run", async () => {
  const folder = await testFolder();
  const path = await writeConfig(folder, sampleImages, { max_train_steps: 100_000, checkpointing_steps: 25 });
  const program = startTrainer(path);
  await waitForOutput(program, /Saving checkpoint checkpoint-50\n/);
  program.child.stdout!.destroy();
  const output = join(folder, "output");
  const watcher = watch(output);
  const later = new Promise<void>((resolve) => {
    watcher.on("change", (_, name) => {
      if (String(name) === "checkpoint-100") resolve();
    });
  });
  await later;
  watcher.close();
  const askedAt = performance.now();
  program.child.kill("SIGTERM");
  assert.equal((await program.ended).code, 143);
  assert.ok(performance.now() - askedAt < 5_000);
  const steps = (await readdir(output))
    .flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number);
  assert.ok(Math.max(...steps) >= 100);
});

test("a run killed while it writes a checkpoint resumes from the one before and finishes", async () => {
  const folder = await testFolder();
  const output = join(folder, "output");
  await mkdir(output);
  const changes = { max_train_steps: 60, checkpointing_steps: 5, resume_from_checkpoint: "latest" };
  const path = await writeConfig(folder, sampleImages, changes);
  const killed = startTrainer(path);
  let complete = 0;
  const watcher = watch(output, (_, name) => {
    if (/^checkpoint-\d+$/.test(String(name))) complete++;
    if (complete >= 2 && String(name).startsWith(".tmp-checkpoint-")) killed.child.kill("SIGKILL");
  });
  assert.equal((await killed.ended).signal, "SIGKILL");
  watcher.close();
  const resumed = startTrainer(path);
  assert.equal((await resumed.ended).code, 0, resumed.output());
  assert.match(resumed.output(), /resuming from step \d+/);
  assert.match(resumed.output(), /Training complete\n$/);
  const names = await readdir(output);
  assert.ok(names.includes("pytorch_lora_weights.safetensors") && names.includes("checkpoint-60"));
  assert.ok(!names.some((name) => name.startsWith(".tmp-")));
  const state = JSON.parse(await readFile(join(output, "checkpoint-60", "training_state.json"), "utf8"));
  assert.equal(state.global_step, 60);
});
