import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, jsonFrom, repository, runProgram, signalGroup } from "./testing/run-program.ts";

describe("npm run demo -- --provider replicate", () => {
  let scratch: string;
  before(() => {
    scratch = mkdtempSync(join(tmpdir(), "demo replicate "));
  });
  after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

  const demo = (stateDir: string, ...args: string[]) =>
    runProgram(
      process.execPath,
      [
        join(repository, "dist", "cli.js"),
        "demo",
        "--provider=replicate",
        "--port=0",
        `--state-dir=${stateDir}`,
        ...args,
      ],
      // Somebody's real account and state, which the demo must leave alone.
      {
        env: {
          ...process.env,
          REPLICATE_API_TOKEN: "r8_of_a_real_account",
          SIMPLETUNER_STATE_DIR: join(scratch, "real state"),
        },
      },
    );
  const factIn = (output: string, label: string): string =>
    new RegExp(`^${label} +(.+)$`, "m").exec(output)?.[1] ?? "";
  const standIn = (output: string): string =>
    /http:\/\/[\d.:]+\/v1/.exec(factIn(output, "Provider"))?.[0] ?? "";

  it(
    "trains at the stand-in, brings the model home, and says what it cost",
    { timeout: 240_000 },
    async () => {
      const stateDir = join(scratch, "state");
      await using program = demo(stateDir, "--exit", "--seconds", "3");
      assert.equal(await program.ended, 0, program.output());
      const output = program.output();
      const model = factIn(output, "Model");
      assert.ok(model.startsWith(stateDir) && model.endsWith(".safetensors"), output);
      assert.equal(factIn(output, "SHA-256"), createHash("sha256").update(readFileSync(model)).digest("hex"));
      assert.match(output, /^72 files would be sent, as an archive/m);
      assert.match(output, /^Estimate: About \$[\d.]+ .* at \$5\.49 an hour on H100/m);
      const [, counted, billed] =
        /^(\$[\d.]+) on h100; billed were (\$[\d.]+)$/.exec(factIn(output, "Cost")) ?? [];
      assert.ok(counted !== undefined && counted !== "$0.00" && counted === billed, output);
      assert.match(
        factIn(output, "Seen"),
        /^prediction \w+; \d+ calls, 2 webhooks taken; no upload is left there$/,
      );
      assert.equal(await jsonFrom(`${factIn(output, "Server")}/health`), null, "the server still runs");
      assert.equal(await jsonFrom(standIn(output)), null, "the stand-in still runs");
    },
  );

  it("is over with Ctrl-C, the stand-in as well", { timeout: 120_000 }, async () => {
    await using program = demo(join(scratch, "stopped"), "--seconds", "600");
    await eventually(async () => (/ Training /.test(program.output()) ? true : null), program, 90_000);
    signalGroup(program.child, "SIGINT");
    assert.equal(await program.ended, 130, program.output());
    assert.match(program.output(), /stand-in for Replicate are stopped/);
    assert.equal(await jsonFrom(standIn(program.output())), null, "the stand-in still runs");
  });

  it("does not touch a folder that holds anything else", { timeout: 60_000 }, async () => {
    writeFileSync(join(scratch, "mine.txt"), "mine");
    await using program = demo(scratch);
    assert.equal(await program.ended, 1);
    assert.match(program.output(), /must not mix with real ones\. Name a new folder with --state-dir/);
    assert.equal(factIn(program.output(), "Server"), "");
  });
});
