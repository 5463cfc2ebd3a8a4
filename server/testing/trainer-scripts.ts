import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** First lines of a script trainer: `$out` is its output folder. */
const prelude = `out=$(sed -n 's/^  "output_dir": "\\(.*\\)",\\{0,1\\}$/\\1/p' "$CONFIG_PATH")\n`;

/** A script trainer that ends well at once and leaves one model; with the option `hold`, it waits for ever. */
export const quickTrainer = `${prelude}
if grep -q '"hold"' "$CONFIG_PATH"; then while :; do sleep 0.05; done; fi
echo "Training step 1/1 loss=0.5"
printf weights > "$out/pytorch_lora_weights.safetensors"
`;

/**
 * A script trainer that trains until the file `<folder>/go` appears, then leaves one model. Each start adds a line
 * to `<folder>/starts`, so that a test can count them.
 */
export function gatedTrainer(folder: string): string {
  return `${prelude}
echo start >> "${folder}/starts"
echo "Training step 1/10 loss=0.9"
while [ ! -e "${folder}/go" ]; do sleep 0.05; done
echo "Training step 10/10 loss=0.1"
printf weights > "$out/pytorch_lora_weights.safetensors"
`;
}

/** A script trainer that runs `body` with `$out` set. */
export function trainerScript(body: string): string {
  return `${prelude}\n${body}\n`;
}

/** Process ids whose arguments or environment mention the folder: what a run has left alive. Linux only. */
export async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const texts = await Promise.all(
      ["cmdline", "environ"].map((file) => readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")),
    );
    if (texts.some((text) => text.includes(folder))) found.push(Number(name));
  }
  return found;
}

/** Ends everything a test's runs left alive. */
export async function killProcessesOf(folder: string): Promise<void> {
  for (const pid of await processesOf(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Asks until the answer is neither null nor false; fails after `withinMs` with the words given. */
export async function eventually<Answer>(
  what: string,
  ask: () => Promise<Answer | null | false> | Answer | null | false,
  withinMs = 10_000,
): Promise<Answer> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${withinMs} ms`);
    await delay(20);
  }
}
