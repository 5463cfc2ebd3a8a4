import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { diagnose, huggingFaceCheck, nodeCheck, replicateCheck, stateFolderCheck } from "./diagnosis.ts";
import { capturedIo, ran } from "./testing/captured-io.ts";
import { fakeServer } from "./testing/fake-server.ts";

const folder = mkdtempSync(join(tmpdir(), "diagnosis "));
after(() => rmSync(folder, { recursive: true, force: true }));

test("an old Node and a state folder that is a file are problems with advice", () => {
  writeFileSync(join(folder, "file"), "");
  for (const check of [
    nodeCheck("20.20.2"),
    stateFolderCheck(join(folder, "file")),
    stateFolderCheck(join(folder, "file", "below")),
  ]) {
    assert.equal(check.level, "problem");
    assert.ok(check.advice);
  }
  assert.equal(nodeCheck("24.1.0").level, "ok");
  assert.equal(stateFolderCheck(join(folder, "new", "deep")).level, "ok");
});

test("tokens: where from, never the value", () => {
  const env = { HF_API_TOKEN: "hf_secret", REPLICATE_API_TOKEN: "r8_secret" };
  const told = JSON.stringify([huggingFaceCheck(env), replicateCheck(env)]);
  assert.match(told, /HF_API_TOKEN.*REPLICATE_API_TOKEN/);
  assert.doesNotMatch(told, /secret/);
  writeFileSync(join(folder, "token"), "hf_secret\n");
  assert.match(huggingFaceCheck({ HF_HOME: folder }).message, /token from .*token$/);
  assert.equal(huggingFaceCheck({ HOME: join(folder, "nobody") }).level, "warning");
  assert.equal(replicateCheck({}).level, "warning");
});

test("a damaged database and a port of another program are problems", async () => {
  const stateDir = join(folder, "state");
  mkdirSync(join(stateDir, "config", "cloud"), { recursive: true });
  writeFileSync(
    join(stateDir, "config", "cloud", "jobs.db"),
    "this is not a database, but long enough to be one",
  );
  const stranger = createServer((socket) => socket.end("220 ready\r\n"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const address = stranger.address() as { port: number };
  try {
    const checks = await diagnose(`http://127.0.0.1:${address.port}`, stateDir, capturedIo().io);
    const problems = checks.filter(({ level }) => level === "problem").map(({ name }) => name);
    assert.ok(problems.includes("Database") && problems.includes("Port"), problems.join());
    for (const { level, advice } of checks) assert.equal(level === "ok", advice === null);
  } finally {
    stranger.close();
  }
});

test("a running server answers for its database and trainer", async () => {
  await using server = await fakeServer({
    "GET /health": () => ({ status: "healthy", mode: "unified" }),
    "GET /api/cloud/health": () => ({
      status: "degraded",
      components: [
        { name: "database", status: "unhealthy", latency_ms: 1, message: "disk I/O error" },
        { name: "state_backend", status: "unhealthy", latency_ms: 1, message: "Redis does not answer" },
        { name: "secrets", status: "healthy", latency_ms: 1, message: null },
      ],
    }),
    "GET /api/cloud/providers": () => ({
      providers: [{ id: "local", trainer: { kind: "bundled", detail: "the bundled trainer" } }],
    }),
  });
  const checks = await diagnose(server.url, folder, capturedIo().io);
  const byName = Object.fromEntries(checks.map((check) => [check.name, check]));
  assert.equal(byName["Database"]?.message, "disk I/O error");
  assert.equal(byName["Server"]?.message, "state_backend: Redis does not answer");
  assert.equal(byName["Server"]?.level, "problem");
  assert.equal(byName["Trainer"]?.message, "the bundled trainer");
  const { code, out } = await ran(server.url, ["doctor", "--format", "json", "--state-dir", folder]);
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).ok, false);
});
