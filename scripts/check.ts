/** What a change must pass before its tests run: formatting, lint, types and the layer rules, side by side. */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The tools by name with their arguments; each is a script of node_modules/.bin or node's own options. */
const checks: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ["format", "oxfmt", "--check", "."],
  ["lint", "oxlint", "."],
  ["types", "tsc", "-p", "."],
  ["types of web", "tsc", "-p", "web"],
  ["layers", "--test", "--test-reporter=dot", "scripts/layers.test.ts"],
];

interface Outcome {
  readonly name: string;
  readonly code: number;
  readonly seconds: number;
  readonly output: string;
}

function runCheck([name, program, ...args]: (typeof checks)[number]): Promise<Outcome> {
  const binary = join(root, "node_modules", ".bin", program);
  const script = existsSync(binary) ? realpathSync(binary) : program;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    child.on("close", (code) => {
      resolve({ name, code: code ?? 1, seconds: (performance.now() - startedAt) / 1000, output });
    });
  });
}

const outcomes = await Promise.all(checks.map(runCheck));
for (const { name, code, seconds, output } of outcomes) {
  console.log(`${code === 0 ? "ok    " : "FAILED"}  ${name.padEnd(14)} ${seconds.toFixed(1)} s`);
  if (code !== 0) console.log(output.trimEnd());
}
const failed = outcomes.filter(({ code }) => code !== 0).length;
console.log(`${outcomes.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
