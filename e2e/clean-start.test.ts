import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import {
  eventually,
  freePort,
  jsonFrom,
  outputOf,
  repository,
  runProgram,
  shellEnvironment,
  signalGroup,
} from "./testing/run-program.ts";

/** The limit for the whole demo once dependencies are there, on a machine that does nothing else. */
const demoLimitMs = 180_000;
const scratch = mkdtempSync(join(tmpdir(), "clean start "));
after(() => rmSync(scratch, { recursive: true, force: true }));
const clone = join(scratch, "my clone");
const env = shellEnvironment({ npm_config_prefer_offline: "true" });
const skip = existsSync(join(repository, ".git"))
  ? false
  : "needs a git checkout to know which files belong to a clone";

/** What git would put into a fresh clone, changes that are not committed yet included. */
before(async () => {
  if (skip) return;
  const listed = await outputOf("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: repository });
  for (const file of listed.split("\0").filter((name) => name !== "")) {
    const source = join(repository, file);
    if (!existsSync(source)) continue;
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    copyFileSync(source, join(clone, file));
  }
});

test(
  "npm run demo -- --exit on a clean clone installs, builds, trains and delivers",
  { skip, timeout: 480_000 },
  async () => {
    const port = await freePort();
    const stateDir = join(scratch, "demo state");
    const args = ["run", "demo", "--", "--exit", "--port", String(port), "--state-dir", stateDir];
    await using demo = runProgram("npm", args, { cwd: clone, env });
    const begun = eventually(
      async () => (demo.output().includes("Server") ? performance.now() : null),
      demo,
      240_000,
    );
    const [code, startedAt] = await Promise.all([demo.ended, begun]);
    const output = demo.output();
    assert.equal(code, 0, output);
    // Programs that run beside the test take their share of the cores, so the limit grows with them.
    const crowding = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < demoLimitMs * crowding, `the demo took ${Math.round(tookMs / 1000)} s`);
    const fact = (label: string): string => new RegExp(`^${label} +(.+)$`, "m").exec(output)?.[1] ?? "";
    const model = fact("Model");
    assert.ok(model.startsWith(stateDir) && model.endsWith(".safetensors"), output);
    assert.equal(fact("SHA-256"), createHash("sha256").update(readFileSync(model)).digest("hex"));
    assert.ok(fact("Size").includes(`(${statSync(model).size.toLocaleString("en-US")} bytes)`), fact("Size"));
    assert.match(fact("Look"), new RegExp(`^http://127\\.0\\.0\\.1:${port}/jobs/.+`));
    assert.equal(
      await jsonFrom(`http://127.0.0.1:${port}/health`),
      null,
      "the server still runs after --exit",
    );
  },
);

test(
  "npm start serves until it is told to stop, and what the demo made is still there",
  { skip, timeout: 300_000 },
  async () => {
    const port = await freePort();
    const serverEnv = {
      ...env,
      SIMPLETUNER_PORT: String(port),
      SIMPLETUNER_STATE_DIR: join(scratch, "demo state"),
    };
    await using server = runProgram("npm", ["start"], { cwd: clone, env: serverEnv });
    const url = `http://127.0.0.1:${port}`;
    await eventually(() => jsonFrom(`${url}/health`), server, 240_000);
    const jobs = await jsonFrom(`${url}/api/cloud/jobs`);
    assert.equal(jobs?.["total"], 1);
    signalGroup(server.child, "SIGINT");
    await server.ended;
    assert.equal(await jsonFrom(`${url}/health`), null, "the server still runs after Ctrl-C");
  },
);
