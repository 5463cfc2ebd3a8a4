import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fail, Failure } from "@simpletuner-cloud/contract/errors.ts";
import { startLoop } from "../background/loop.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { type HealthOptions, healthCheck, loopIsWell, type LoopView, worstOf } from "./health.ts";
import { readiness } from "./readiness.ts";
import { systemService } from "./system.ts";

const view: LoopView = {
  everyMs: 1_000,
  runningMs: null,
  sinceEndMs: 500,
  sinceSuccessMs: 500,
  ageMs: 10_000,
  failuresInRow: 0,
  failures: 0,
  rounds: 1,
};

const well: HealthOptions = {
  pingDatabase: async () => undefined,
  databaseName: "SQLite",
  state: { kind: "redis", clock: async () => 0 },
  stateDir: "/",
  loops: () => ({ sweep: view }),
  outside: async () => [],
  services: async () => [
    { name: "replicate_api", status: "degraded", latency_ms: 5, message: "Does not answer" },
  ],
};

describe("health of the parts", () => {
  test("each part is named with its latency; services outside only when somebody asks for them", async () => {
    const parts = await healthCheck(well)({ includeProviders: false });
    assert.deepEqual(
      parts.map(({ name, status }) => [name, status]),
      [
        ["database", "healthy"],
        ["state_backend", "healthy"],
        ["disk", "healthy"],
        ["background_loops", "healthy"],
      ],
    );
    for (const { name, latency_ms } of parts.slice(0, 3)) assert.equal(typeof latency_ms, "number", name);
    assert.equal(worstOf(parts), "healthy");
    const all = await healthCheck(well)({ includeProviders: true });
    assert.equal(all.at(-1)?.name, "replicate_api");
    assert.equal(worstOf(all), "degraded");
  });

  test("a part that fails or hangs is unhealthy in time, and the others are told of all the same", async () => {
    const secret = "postgres://app:hunter2@db.internal/app";
    const startedAt = performance.now();
    const parts = await healthCheck({
      ...well,
      pingDatabase: async () => {
        throw fail("database_unavailable", { reason: "it refuses connections" }, new Error(secret));
      },
      state: { kind: "redis", clock: () => new Promise(() => undefined) },
      stateDir: "/there/is/no/such/folder",
    })({ includeProviders: false });
    assert.ok(performance.now() - startedAt < 15_000);
    const statusOf = Object.fromEntries(parts.map((part) => [part.name, part.status]));
    assert.deepEqual(statusOf, {
      database: "unhealthy",
      state_backend: "unhealthy",
      disk: "unhealthy",
      background_loops: "healthy",
    });
    assert.equal(worstOf(parts), "unhealthy");
    assert.doesNotMatch(JSON.stringify(parts), /hunter2|db\.internal|no\/such/);
  });

  test("questions at the same moment look once", async () => {
    let looked = 0;
    const check = healthCheck({
      ...well,
      pingDatabase: async () => {
        looked++;
        await delay(20);
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => check({ includeProviders: false })));
    assert.equal(looked, 1);
    await check({ includeProviders: false });
    assert.equal(looked, 2);
  });

  test("a loop is ill when it fails twice in a row, is late, or hangs", () => {
    assert.equal(loopIsWell(view), true);
    assert.equal(loopIsWell({ ...view, failuresInRow: 1 }), true);
    assert.equal(loopIsWell({ ...view, failuresInRow: 2 }), false);
    assert.equal(loopIsWell({ ...view, sinceEndMs: 70_000 }), false);
    assert.equal(loopIsWell({ ...view, sinceEndMs: null, ageMs: 30_000 }), true);
    assert.equal(loopIsWell({ ...view, sinceEndMs: null, ageMs: 70_000 }), false);
    assert.equal(loopIsWell({ ...view, runningMs: 60_000 }), true);
    assert.equal(loopIsWell({ ...view, runningMs: 3_700_000 }), false);
  });

  test("a loop tells how its rounds went", async () => {
    const stopping = new AbortController();
    let isBroken = true;
    const loop = startLoop({
      name: "the test",
      everyMs: 60_000,
      async round() {
        await delay(1);
        if (isBroken) throw new Error("not now");
      },
      log: { warn: () => undefined },
      stopping: stopping.signal,
    });
    assert.equal(loop.view().sinceEndMs, null);
    const first = loop.runOnce();
    assert.notEqual(loop.view().runningMs, null);
    await first;
    await loop.runOnce();
    assert.deepEqual(
      [loop.view().failuresInRow, loop.view().failures, loop.view().rounds, loop.view().sinceSuccessMs],
      [2, 2, 2, null],
    );
    isBroken = false;
    await loop.runOnce();
    assert.equal(loop.view().failuresInRow, 0);
    assert.notEqual(loop.view().sinceSuccessMs, null);
    stopping.abort();
  });
});

describe("readiness", () => {
  const ready = readiness();
  let databaseTrouble: Error | null = null;
  const system = systemService({
    ...well,
    pingDatabase: async () => {
      if (databaseTrouble) throw databaseTrouble;
    },
    readiness: ready,
    health: healthCheck(well),
    version: "1.0.0",
    publicUrl: () => "",
    uptimeSeconds: () => 1,
    now: Date.now,
    hasAccounts: async () => false,
    displayName: async () => null,
  });
  const refusal = async (): Promise<string | null> =>
    system.ready({ params: {}, query: {}, body: undefined }, {} as never).then(
      () => null,
      (error: unknown) => {
        assert.ok(error instanceof Failure && error.status === 503);
        return error.message;
      },
    );

  test("503 while the server starts, while the database is away, and from the moment it drains", async () => {
    assert.equal(await refusal(), "The server is not ready: it is starting.");
    ready.started();
    assert.equal(await refusal(), null);
    databaseTrouble = fail("database_unavailable", { reason: "it refuses connections" });
    assert.equal(await refusal(), "The server is not ready: the database does not answer.");
    databaseTrouble = null;
    assert.equal(await refusal(), null);
    ready.drain();
    assert.equal(await refusal(), "The server is not ready: it is stopping.");
    ready.started();
    assert.equal(await refusal(), "The server is not ready: it is stopping.");
  });
});

describe("health endpoints", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  test("anybody is told of every part and every loop", async () => {
    const health = await server.as("nobody")("GET /api/cloud/health", { query: {} });
    const names = health.components.map(({ name }) => name);
    for (const name of ["database", "state_backend", "disk", "secrets", "background_loops"])
      assert.ok(names.includes(name), name);
    assert.ok(names.some((name) => name.startsWith("circuit_breaker_")));
    assert.ok(!names.includes("replicate_api"));
    assert.ok(health.loops.length >= 10);
    assert.ok(health.loops.every(({ status }) => status === "healthy"));
    assert.ok(!JSON.stringify(health).includes(server.stateDir));
    const { components } = await server.call("GET /api/cloud/health", { query: { include_providers: true } });
    assert.ok(components.some(({ name }) => name === "replicate_api"));
    const older = await server.call("GET /api/cloud/health", { query: { include_replicate: true } });
    assert.ok(older.components.some(({ name }) => name === "replicate_api"));
  });

  test("it lives and is ready", async () => {
    assert.deepEqual(await server.call("GET /api/cloud/health/live"), { status: "ok" });
    assert.deepEqual(await server.call("GET /api/cloud/health/ready"), { status: "ready" });
  });
});
