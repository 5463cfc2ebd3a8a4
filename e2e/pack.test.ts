import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** A folder with a space, as many people's home folders have. */
const scratch = mkdtempSync(join(tmpdir(), "an empty folder "));
after(() => rmSync(scratch, { recursive: true, force: true }));
const env = shellEnvironment({ HOME: process.env["HOME"] });
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
let tarball = "";

before(async () => {
  await outputOf("npm", ["pack", "--pack-destination", scratch], { cwd: repository, env });
  tarball = readdirSync(scratch).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(scratch, "package.json"), JSON.stringify({ name: "somebody", private: true }));
  await outputOf("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `./${tarball}`], {
    cwd: scratch,
    env,
  });
});

test("the package holds the product and nothing of the workshop", async () => {
  const files = (await outputOf("tar", ["-tzf", tarball], { cwd: scratch })).trim().split("\n");
  for (const needed of [
    "package/package.json",
    "package/bin/simpletuner-cloud.js",
    "package/dist/cli.js",
    "package/dist/trainer.js",
    "package/dist/web/index.html",
    "package/dist/THIRD-PARTY-LICENSES.txt",
  ]) {
    assert.ok(files.includes(needed), `${needed} is missing`);
  }
  assert.ok(
    files.some((file) => file.startsWith("package/LICENSE")),
    "the license is missing",
  );
  assert.ok(
    files.some((file) => /^package\/samples\/.+\.(jpe?g|png)$/.test(file)),
    "the sample images are missing",
  );
  const surplus = files.filter((file) => /\.tsx?$|node_modules|(^|\/)\.(?!stamp)|\.db$|\.log$/.test(file));
  assert.deepEqual(surplus, []);
});

test("the installed command tells its version", async () => {
  const output = await outputOf("npx", ["simpletuner-cloud", "--version"], { cwd: scratch, env });
  // npm may print its own warnings before.
  assert.equal(output.trim().split("\n").at(-1), version);
});

const pathNode = await outputOf("node", ["--version"], { env }).catch(() => "none");
const skipOld = /^v(1[89]|2[0-3])\./.test(pathNode)
  ? false
  : `needs a Node older than 24 on PATH; there is ${pathNode.trim()}`;

test(
  "started by an older Node it runs on the packaged one and passes the exit code on",
  { skip: skipOld },
  async () => {
    const bin = join(scratch, "node_modules", "simpletuner-cloud", "bin", "simpletuner-cloud.js");
    assert.equal((await outputOf("node", [bin, "--version"], { cwd: scratch, env })).trim(), version);
    await using wrong = runProgram("node", [bin, "jobs", "nonsense"], { cwd: scratch, env });
    assert.equal(await wrong.ended, 2);
  },
);

test(
  "the installed server answers, serves the web UI and stops when told",
  { timeout: 120_000 },
  async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = [
      "simpletuner-cloud",
      "server",
      "--port",
      String(port),
      "--state-dir",
      join(scratch, "state"),
    ];
    await using server = runProgram("npx", args, { cwd: scratch, env });
    const health = await eventually(() => jsonFrom(`${url}/health`), server, 60_000);
    assert.equal(health["status"], "healthy");
    assert.equal((await jsonFrom(`${url}/api/cloud/health`))?.["version"], version);
    const page = await fetch(url);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<script type="module"/);
    // Hashing passwords is machine code that comes beside the bundles.
    const made = await fetch(`${url}/api/auth/setup/first-admin`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"username":"root","email":"root@example.org","password":"a lighthouse at night"}',
    });
    assert.equal(made.status, 200, await made.text());
    signalGroup(server.child, "SIGTERM");
    await server.ended;
    assert.equal(await jsonFrom(`${url}/health`), null, "something still listens after the stop");
  },
);
