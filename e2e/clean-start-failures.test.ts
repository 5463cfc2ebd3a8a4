import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  eventually,
  freePort,
  jsonFrom,
  repository,
  runProgram,
  shellEnvironment,
} from "./testing/run-program.ts";

const scratch = mkdtempSync(join(tmpdir(), "failing start "));
after(() => rmSync(scratch, { recursive: true, force: true }));
const cli = join(repository, "dist", "cli.js");
const env = shellEnvironment();

/** Runs a command that must fail and answers its only line. */
async function sentenceOf(args: readonly string[]): Promise<string> {
  await using program = runProgram(process.execPath, [cli, ...args], { env });
  const code = await program.ended;
  assert.equal(code, 1, program.output());
  // Log lines are JSON; the sentence for the person is the one line that is not.
  const lines = program
    .output()
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith("{"));
  assert.equal(lines.length, 1, program.output());
  assert.doesNotMatch(lines[0] ?? "", /\bat .+:\d+:\d+|Error:|undefined/);
  return lines[0] ?? "";
}

test("a port that another program holds: server and demo say so and name the port", async () => {
  const stranger = createServer((socket) => void socket.resume().end());
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const { port } = stranger.address() as AddressInfo;
  try {
    const state = join(scratch, "port");
    assert.match(
      await sentenceOf(["server", "--port", String(port), "--state-dir", state]),
      new RegExp(`\\b${port}\\b`),
    );
    await using demo = runProgram(
      process.execPath,
      [cli, "demo", "--exit", "--port", String(port), "--state-dir", state],
      { env },
    );
    assert.equal(await demo.ended, 1);
    assert.match(demo.output(), new RegExp(`Port ${port} is taken by another program.*--port`));
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
});

test("a state folder that cannot be written", async () => {
  writeFileSync(join(scratch, "file"), "");
  const state = join(scratch, "file", "state");
  assert.match(
    await sentenceOf(["server", "--port", String(await freePort()), "--state-dir", state]),
    /state/i,
  );
});

test("a damaged database is named and left as it is", async () => {
  const state = join(scratch, "damaged");
  const database = join(state, "config", "cloud", "jobs.db");
  mkdirSync(join(state, "config", "cloud"), { recursive: true });
  const content = "This is no database. ".repeat(1000);
  writeFileSync(database, content);
  assert.match(
    await sentenceOf(["server", "--port", String(await freePort()), "--state-dir", state]),
    /jobs\.db.*damaged/,
  );
  assert.equal(readFileSync(database, "utf8"), content);
});

test("a second server on the same state folder", async () => {
  const state = join(scratch, "shared");
  const port = await freePort();
  await using first = runProgram(
    process.execPath,
    [cli, "server", "--port", String(port), "--state-dir", state],
    { env },
  );
  await eventually(() => jsonFrom(`http://127.0.0.1:${port}/health`), first, 30_000);
  const sentence = await sentenceOf(["server", "--port", String(await freePort()), "--state-dir", state]);
  assert.match(sentence, /another server/i);
  assert.notEqual(
    await jsonFrom(`http://127.0.0.1:${port}/health`),
    null,
    "the first server must not notice",
  );
});
