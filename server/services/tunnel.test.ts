import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { Tunnel } from "@simpletuner-cloud/contract/tunnel.ts";
import { tunnelPrograms } from "../adapters/tunnels/programs/tunnel-programs.ts";
import { startServerProcess } from "../testing/server-process.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";
import { tunnelStandIns } from "../testing/tunnel-stand-ins.ts";
import { tunnelKeeper } from "./tunnel.ts";

type StandIns = Awaited<ReturnType<typeof tunnelStandIns>>;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "it went well",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
}

describe("a tunnel to this server", () => {
  let folder: string;
  let programs: StandIns;
  let server: TestServer;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tunnel test "));
    programs = await tunnelStandIns(folder);
    server = await startTestServer({
      env: { ...programs.env, HF_TOKEN: "hf_not_for_tunnels", SIMPLETUNER_PUBLIC_URL: "" },
    });
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const state = () => server.call("GET /api/cloud/tunnel");
  const start = (program?: "cloudflared" | "ngrok") =>
    server.call("POST /api/cloud/tunnel", { body: program ? { program } : {} });
  const stop = () => server.call("DELETE /api/cloud/tunnel");
  const becomes = (status: Tunnel["status"]) =>
    eventually(`a tunnel that is ${status}`, async () => {
      const now = await state();
      return now.status === status ? now : null;
    });
  const publicAddress = async () =>
    (await server.call("GET /api/cloud/providers/{provider}/config", { params: { provider: "replicate" } }))
      .config;
  const health = async () =>
    (await server.call("GET /api/cloud/health")).components.find(({ name }) => name.startsWith("tunnel"));

  test("by cloudflared becomes the address for webhooks and uploads, and stops being it", async () => {
    const before = await state();
    assert.deepEqual(
      [before.status, before.url, before.programs.map(({ installed }) => installed)],
      ["off", null, [true, true]],
    );
    assert.equal(await health(), undefined);
    await start();
    const running = await becomes("running");
    const url = "https://quick-words-number-1.trycloudflare.com";
    assert.deepEqual([running.program, running.url, running.used_instead], ["cloudflared", url, null]);
    const settings = await publicAddress();
    assert.deepEqual([settings.webhook_url, settings.s3_public_url], [url, url]);
    assert.equal((await health())?.status, "healthy");
    assert.match(
      await programs.args(),
      new RegExp(`^tunnel\\n--config\\n/dev/null\\n--no-autoupdate\\n--url\\n${server.url}\\n$`),
    );
    assert.ok(!(await programs.environment()).includes("hf_not_for_tunnels"), "no secret of the server");
    assert.equal(await codeOf(start("ngrok")), "tunnel_runs_already");
    const stopped = await stop();
    assert.deepEqual([stopped.status, stopped.url], ["off", null]);
    assert.equal(await programs.isRunning(), false);
    assert.equal((await publicAddress()).webhook_url, null);
  });

  test("by ngrok is read from its log", async () => {
    await start("ngrok");
    assert.equal((await becomes("running")).url, "https://ab12-203-0-113-1.ngrok-free.app");
    assert.match(
      await programs.args(),
      new RegExp(`^http\\n${server.url}\\n--log=stdout\\n--log-format=json\\n`),
    );
  });

  test("leaves an address that was set alone, and says so", async () => {
    const params = { provider: "replicate" };
    const body = { webhook_url: "https://train.example.org" };
    await server.call("PUT /api/cloud/providers/{provider}/config", { params, body });
    await start();
    assert.equal((await becomes("running")).used_instead, "https://train.example.org");
    assert.equal((await publicAddress()).webhook_url, "https://train.example.org");
  });

  test("that ends by itself is started again, with the address that it has then", async () => {
    await programs.mode("dies");
    await start();
    await eventually("another start", async () => (await state()).url?.includes("number-2") ?? false, 20_000);
    const now = await state();
    assert.deepEqual([now.status, now.restarts, now.message], ["running", 1, null]);
  });

  test("takes nothing for its address but one of its service, however the output tries", async () => {
    await programs.mode("hostile");
    await start();
    const before = process.memoryUsage().rss;
    await eventually("the flood to be read", programs.hasFlooded, 20_000);
    assert.ok(process.memoryUsage().rss < before + 200 * 2 ** 20, "a line is not kept whole");
    const now = await state();
    assert.deepEqual([now.status, now.url], ["starting", null]);
    assert.equal((await publicAddress()).webhook_url, null);
    assert.equal((await health())?.status, "degraded");
  });

  test("that no trying helps fails at once and says what to do; another may be started then", async () => {
    await programs.mode("unauthorised");
    await start("ngrok");
    const failed = await becomes("failed");
    assert.match(failed.message ?? "", /ngrok config add-authtoken/);
    assert.equal(await programs.starts(), 1);
    assert.equal((await health())?.status, "degraded");
    await start("cloudflared");
    await becomes("running");
  });

  test("that ignores its end is killed", async () => {
    await programs.mode("stubborn");
    await start();
    await becomes("running");
    await stop();
    assert.equal(await programs.isRunning(), false);
  });

  test("ends with the server that stops, and is on no other's list", async () => {
    await start();
    await becomes("running");
    await server.restart();
    assert.equal(await programs.isRunning(), false);
    assert.equal((await state()).status, "off");
  });

  test("is an administrator's business, and in the audit", async () => {
    for (const attempt of [
      () => server.as("ada")("GET /api/cloud/tunnel"),
      () => server.as("ada")("POST /api/cloud/tunnel", { body: {} }),
      () => server.as("ada")("DELETE /api/cloud/tunnel"),
    ])
      assert.equal(await codeOf(attempt()), "permission_denied");
    await start();
    await becomes("running");
    await stop();
    const types = ["tunnel.started", "tunnel.stopped"];
    await eventually("both in the audit", async () => {
      const { entries } = await server.call("GET /api/audit", { query: { limit: 20 } });
      return types.every((type) => entries.some(({ event_type: at }) => at === type));
    });
  });
});

describe("a server without programs for a tunnel", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer({ env: { PATH: "/nowhere" } });
  });
  afterEach(() => server.close());

  test("says where to get one", async () => {
    const { programs } = await server.call("GET /api/cloud/tunnel");
    assert.deepEqual(
      programs.map(({ installed }) => installed),
      [false, false],
    );
    const error: unknown = await server
      .call("POST /api/cloud/tunnel", { body: {} })
      .catch((thrown) => thrown);
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, "tunnel_program_missing");
    assert.match(error.message, /cloudflared is not installed.*developers\.cloudflare\.com/);
  });
});

describe("a tunnel's program", () => {
  let folder: string;
  let programs: StandIns;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tunnel test "));
    programs = await tunnelStandIns(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("ends with a server that is killed; the next one has its own from its start on", async () => {
    const env = {
      ...programs.env,
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      SIMPLETUNER_TUNNEL: "cloudflared",
    };
    let server = await startServerProcess(env);
    try {
      const running = () =>
        eventually("a tunnel", async () => (await server.call("GET /api/cloud/tunnel")).status === "running");
      await running();
      await server.kill();
      await eventually("the program's end", async () => !(await programs.isRunning()));
      server = await startServerProcess(env);
      await running();
      assert.equal(await programs.starts(), 2);
    } finally {
      await server.kill();
      await eventually("the program's end", async () => !(await programs.isRunning()));
    }
  });

  test("that gives no address is tried again some times, then a person is waited for", async () => {
    await programs.mode("silent");
    const keeper = tunnelKeeper({
      runner: tunnelPrograms({
        env: { ...process.env, ...programs.env },
        target: () => "http://127.0.0.1:9",
      }),
      addressSet: async () => null,
      now: Date.now,
      log: { warn: () => undefined },
      waits: { addressMs: 150, firstMs: 1, longestMs: 5 },
    });
    await keeper.start("cloudflared");
    await eventually("the end of trying", async () => keeper.state()?.status === "failed", 20_000);
    assert.match(keeper.state()?.message ?? "", /reaches the internet/);
    assert.equal(await programs.isRunning(), false);
    await keeper.stop();
    assert.equal(keeper.state(), null);
  });
});
