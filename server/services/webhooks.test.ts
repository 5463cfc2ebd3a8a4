import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type ReplicateEmulator, startReplicateEmulator } from "../../e2e/replicate-emulator/emulator.ts";
import { signWebhook, webhookKey } from "../domain/webhook-signature.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

describe("webhooks of Replicate", () => {
  let emulator: ReplicateEmulator;
  let server: TestServer;
  let dataloader: Record<string, unknown>[];

  beforeEach(async () => {
    emulator = await startReplicateEmulator({ startMs: 50, trainMs: 200, predictor: "unpacks" });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: emulator.baseUrl,
        REPLICATE_DATASETS: "archive",
        SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true",
      },
    });
    ({ dataloader } = await makeDataset(server.folder));
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    await set({ webhook_url: server.url });
  });
  afterEach(async () => {
    await server.close();
    await emulator.close();
  });

  const set = (body: Record<string, unknown>) =>
    server.call("PUT /api/cloud/providers/{provider}/config", { params: { provider: "replicate" }, body });
  const submit = async (): Promise<string> => {
    const config = { max_train_steps: 4, model_family: "flux" };
    const body = { provider: "replicate", config, dataloader_config: dataloader };
    return (await server.call("POST /api/cloud/jobs/submit", { body })).job_id;
  };
  const ended = (id: string) => waitForJob(server.call, id, ({ is_terminal }) => is_terminal, 30_000);
  /** A delivery as the emulator would send it, or as told. */
  const deliver = async (
    body: string,
    { id = "msg_1", at = Date.now(), secret = emulator.webhooks.secret(), more = {} } = {},
  ): Promise<[status: number, code: string]> => {
    const timestamp = String(Math.floor(at / 1_000));
    const signature = signWebhook(webhookKey(secret), id, timestamp, Buffer.from(body));
    const answer = await fetch(`${server.url}/api/webhooks/replicate`, {
      method: "POST",
      headers: {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
        ...more,
      },
      body,
    });
    const { status, error } = (await answer.json()) as { status?: string; error?: string };
    return [answer.status, status ?? error ?? ""];
  };
  const nowSeconds = (): string => String(Math.floor(Date.now() / 1_000));
  const rejections = async (): Promise<string[]> => {
    const rows = await server.database((db) =>
      db
        .selectFrom("job_events")
        .select("data")
        .where("type", "=", "webhook_rejected")
        .orderBy("id")
        .execute(),
    );
    return rows.map(({ data }) => String((JSON.parse(data) as { reason: unknown }).reason));
  };

  it("tell of the start and the end of a run, so that it is hardly looked at", async () => {
    emulator.behaviour.trainMs = 1_500;
    const id = await submit();
    const job = await ended(id);
    assert.deepEqual([job.status, job.error_message], ["completed", null]);
    const taken = emulator.webhooks.sent.map(({ status, answer }) => [status, answer]);
    assert.deepEqual(taken, [
      ["processing", 200],
      ["succeeded", 200],
    ]);
    const [prediction] = emulator.predictions;
    const known = JSON.stringify({ id: prediction?.id, status: "processing" });
    assert.deepEqual(await deliver(known), [200, "received"]);
  });

  it("harm nothing when they are dropped, doubled, late, out of order or signed with another key", async () => {
    Object.assign(emulator.behaviour.webhookFaults, {
      dropped: 0.3,
      doubled: 0.4,
      misSigned: 0.2,
      delayMs: 300,
    });
    const ids = await Promise.all(Array.from({ length: 8 }, submit));
    const jobs = await Promise.all(ids.map(ended));
    assert.deepEqual(new Set(jobs.map(({ status }) => status)), new Set(["completed"]));
    assert.equal(emulator.predictions.length, 8);
    const late = JSON.stringify({ id: emulator.predictions[0]?.id, status: "processing", logs: "x" });
    assert.deepEqual(await deliver(late, { id: "msg_late" }), [200, "received"]);
    const { job } = await server.call("GET /api/cloud/jobs/{job_id}", {
      params: { job_id: jobs[0]?.job_id ?? "" },
    });
    assert.equal(job.status, "completed");
  });

  it("are refused without the right signature, at the wrong time, and remembered once taken", async () => {
    const body = JSON.stringify({ id: "elsewhere", status: "succeeded" });
    assert.deepEqual(await deliver(body), [200, "ignored"]);
    assert.deepEqual(await deliver(body), [200, "duplicate"]);
    const twoMinutesLater = await deliver(body, { at: Date.now() + 120_000 });
    assert.deepEqual(twoMinutesLater, [200, "duplicate"]);
    const other = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
    const refused = [401, "webhook_not_believed"];
    assert.deepEqual(await deliver(body, { id: "2", secret: other }), refused);
    assert.deepEqual(await deliver(body, { id: "3", at: Date.now() - 301_000 }), refused);
    assert.deepEqual(await deliver(body, { id: "4", at: Date.now() + 310_000 }), refused);
    assert.deepEqual(await deliver(body, { id: "5", more: { "webhook-timestamp": "soon" } }), refused);
    assert.deepEqual(await deliver(body, { id: "6", more: { "webhook-signature": "" } }), refused);
    assert.deepEqual(
      await deliver(`${body} `, { id: "7", more: { "webhook-signature": "v1,AAAA" } }),
      refused,
    );
    assert.deepEqual(await deliver("{}", { id: "8" }), [200, "ignored"]);
    assert.deepEqual(await deliver('{"id":"elsewhere"}', { id: "8b" }), [400, "webhook_unreadable"]);
    assert.deepEqual(await deliver("no json", { id: "9" }), [400, "webhook_unreadable"]);
    await eventually("the audit", async () => {
      const told = await rejections();
      return ["it is not signed", "its signature is wrong", "its time is too far from this server's"].every(
        (reason) => told.includes(reason),
      )
        ? true
        : null;
    });
    assert.equal((await rejections()).length, 3);
    await set({ webhook_require_signature: false });
    const bare = await fetch(`${server.url}/api/webhooks/replicate`, { method: "POST", body });
    assert.equal(bare.status, 200);
    assert.deepEqual(await deliver(body, { id: "10", secret: other }), refused);
  });

  it("that are wrongly signed in a flood do not make this server ask for the key each time", async () => {
    const body = JSON.stringify({ id: "elsewhere", status: "succeeded" });
    assert.deepEqual(await deliver(body), [200, "ignored"]);
    emulator.webhooks.rotate();
    const before = emulator.calls.filter(({ operation }) => operation === "secret").length;
    const secretCalls = (): number =>
      emulator.calls.filter(({ operation }) => operation === "secret").length - before;
    for (let attempt = 0; attempt < 20; attempt++) await deliver(body, { id: `r${attempt}` });
    assert.ok(secretCalls() <= 1, "a flood of wrong signatures asks for the key again and again");
  });

  it("come from allowed addresses only, which nobody can claim in a header", async () => {
    const body = JSON.stringify({ id: "elsewhere", status: "succeeded" });
    await set({ webhook_allowed_ips: ["34.82.0.0/16", "35.185.1.2"] });
    const refused = [403, "ip_not_allowed"];
    assert.deepEqual(await deliver(body), refused);
    const through = (forwarded: string) =>
      deliver(body, { id: forwarded, more: { "x-forwarded-for": forwarded } });
    // The test's own connection comes from this machine, whose proxies are trusted: the last address that is none counts.
    assert.deepEqual(await through("34.82.9.9"), [200, "ignored"]);
    assert.deepEqual(await through("10.9.9.9, 35.185.1.2, 127.0.0.1"), [200, "ignored"]);
    assert.deepEqual(await through("34.82.9.9, 10.9.9.9"), refused);
    assert.deepEqual(await through("35.185.1.3"), refused);
    await eventually("the audit", async () =>
      (await rejections()).includes("address not allowed") ? true : null,
    );
    await set({ webhook_allowed_ips: [] });
    assert.deepEqual(await deliver(body, { id: "open" }), [200, "ignored"]);
  });

  it("are tested from here and from there, with what to do", async () => {
    const params = { provider: "replicate" };
    const direct = await server.call("POST /api/cloud/providers/{provider}/test-webhook", { params });
    assert.deepEqual([direct.success, direct.status_code], [true, 200], direct.message);
    const external = await server.call("POST /api/cloud/providers/{provider}/test-webhook-external", {
      params,
    });
    assert.deepEqual([external.success, external.status_code], [true, 200], external.message);
    assert.equal(emulator.predictions.at(-1)?.id, external.prediction_id);
    // Allowed are others: this server's own calls need not be, the provider's must.
    await set({ webhook_allowed_ips: ["203.0.113.0/24"] });
    const own = await server.call("POST /api/webhooks/test", { body: {} });
    assert.deepEqual([own.success, own.status_code], [true, 403]);
    const shutOut = await server.call("POST /api/webhooks/test", { body: { method: "replicate_cog" } });
    assert.equal(shutOut.success, false);
    assert.match(shutOut.message, /from 127\.0\.0\.1, which webhook_allowed_ips does not allow/);
    await set({ webhook_allowed_ips: [] });
    const another = createServer((_, response) => response.writeHead(200).end("{}"));
    const moved = createServer((_, response) => response.writeHead(301, { location: server.url }).end());
    for (const [one, told] of [
      [another, /Something else answered/],
      [moved, /leads on to another address/],
    ] as const) {
      await set({ webhook_url: await listening(one) });
      const answer = await server.call("POST /api/webhooks/test", { body: {} });
      assert.match(answer.error ?? "", told);
      one.close();
    }
    // An address can be tested before it is set; what the server appends may be there already.
    const early = await server.call("POST /api/webhooks/test", {
      body: { webhook_url: `${server.url}/api/webhooks/replicate`, timeout: 5 },
    });
    assert.deepEqual([early.success, early.method], [true, "direct"]);
    const wrong = server.call("POST /api/webhooks/test", { body: { webhook_url: "ftp://here" } });
    await assert.rejects(wrong, { code: "validation_error" });
    await set({ webhook_url: "http://127.0.0.1:9" });
    const dead = await server.call("POST /api/webhooks/test", { body: {} });
    assert.match(dead.error ?? "", /was not reached when this server called it/);
    const deadThere = await server.call("POST /api/webhooks/test", { body: { method: "replicate_cog" } });
    assert.equal(deadThere.success, false);
    await set({ webhook_url: null });
    assert.match(
      (await server.call("POST /api/webhooks/test", { body: {} })).error ?? "",
      /No public address/,
    );
    const local = server.call("POST /api/cloud/providers/{provider}/test-webhook", {
      params: { provider: "local" },
    });
    await assert.rejects(local, { code: "provider_has_no_webhooks" });
  });

  it("larger than can be taken are refused", async () => {
    const head = { "webhook-id": "large", "webhook-timestamp": nowSeconds(), "webhook-signature": "v1,AAAA" };
    const answer = await fetch(`${server.url}/api/webhooks/replicate`, {
      method: "POST",
      headers: head,
      body: Buffer.alloc(33 << 20),
    });
    assert.equal(answer.status, 413);
  });

  it("whose head does not pass are refused before their body is sent", async () => {
    const unsigned = await begun({}, 0);
    assert.equal(await unsigned.status, 401);
    await set({ webhook_allowed_ips: ["203.0.113.0/24"] });
    const foreign = await begun({}, 0);
    assert.equal(await foreign.status, 403);
    for (const { request } of [unsigned, foreign]) request.destroy();
  });

  it("never fill the memory, however many senders are slow", async () => {
    const head = { "webhook-id": "slow", "webhook-timestamp": nowSeconds(), "webhook-signature": "v1,AAAA" };
    const senders = await Promise.all(Array.from({ length: 6 }, () => begun(head, 25 << 20)));
    assert.equal(await Promise.race(senders.map(({ status }) => status)), 503);
    for (const { request } of senders) request.destroy();
    const body = JSON.stringify({ id: "elsewhere", status: "succeeded" });
    await eventually("room again", async () =>
      (await deliver(body, { id: "after" }))[0] === 200 ? true : null,
    );
  });

  it("that come several times at once are taken once", async () => {
    const body = JSON.stringify({ id: "elsewhere", status: "succeeded" });
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(body, { id: "same" })));
    assert.deepEqual(answers.filter(([, status]) => status === "ignored").length, 1);
    assert.deepEqual(answers.filter(([, status]) => status === "duplicate").length, 9);
  });

  /** A delivery of which only the head and the first bytes are sent. */
  async function begun(headers: Record<string, string>, bytes: number) {
    const request = httpRequest(`${server.url}/api/webhooks/replicate`, {
      method: "POST",
      headers: { ...headers, "content-length": 31 << 20 },
    });
    const status = new Promise<number | undefined>((resolve) => {
      request.once("response", (response) => resolve(response.resume().statusCode));
      request.on("error", () => undefined);
    });
    if (bytes > 0) request.write(Buffer.alloc(bytes));
    else request.flushHeaders();
    return { request, status };
  }
});

describe("the test of webhooks, where nothing private is allowed", () => {
  it("calls nobody inside, and tells nothing of who is there", async () => {
    let calls = 0;
    const inside = createServer((_, response) => {
      calls++;
      response.end("a secret of the network");
    });
    const server = await startTestServer({ env: { REPLICATE_API_TOKEN: "" } });
    try {
      const webhook_url = (await listening(inside)).replace("http:", "https:");
      const set = server.call("PUT /api/cloud/providers/{provider}/config", {
        params: { provider: "replicate" },
        body: { webhook_url },
      });
      const tested = set.then(() => server.call("POST /api/webhooks/test", { body: {} }));
      const early = server.call("POST /api/webhooks/test", { body: { webhook_url } });
      const [first, second] = await Promise.allSettled([tested, early]);
      for (const outcome of [first, second]) {
        const told =
          outcome.status === "fulfilled" ? outcome.value : { success: false, error: outcome.reason };
        assert.equal(told.success, false);
        assert.match(String(told.error), /SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES/);
        assert.doesNotMatch(JSON.stringify(told), /a secret/);
      }
      assert.equal(calls, 0);
    } finally {
      inside.close();
      await server.close();
    }
  });
});

async function listening(server: Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
