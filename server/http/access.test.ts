import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStream } from "../testing/stream-reader.ts";
import { startQuietly } from "../testing/test-log.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { quickTrainer } from "../testing/trainer-scripts.ts";
import { allEndpoints } from "./openapi.ts";

let server: TestServer;
let adasJob: string;

before(async () => {
  server = await startTestServer({ script: quickTrainer });
  const { dataloader } = await makeDataset(server.folder);
  const body = { config: { max_train_steps: 1, hub_token: "hf_0123456789" }, dataloader_config: dataloader };
  ({ job_id: adasJob } = await server.as("ada")("POST /api/cloud/jobs/submit", { body }));
  await waitForJob(server.as("ada"), adasJob, (job) => job.is_terminal);
});
after(() => server.close());

test("public endpoints say why, and are the few that must be", () => {
  const open = allEndpoints().filter(
    ({ endpoint: { access } }) => typeof access === "object" && "public" in access,
  );
  assert.deepEqual(open.map(({ name }) => name).sort(), [
    "acceptInvitation",
    "authStatus",
    "createFirstAdmin",
    "deliverWebhook",
    "health",
    "live",
    "login",
    "logout",
    "ready",
    "receiveTrainerEvent",
    "register",
    "root",
    "scrape",
    "session",
    "setupStatus",
  ]);
});

test("a trainer's event needs the job's own secret", async () => {
  for (const key of [undefined, "", "wrong"]) {
    const response = await fetch(`${server.url}/api/webhooks/trainer/${adasJob}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { "x-api-key": key }) },
      body: '{"type":"lifecycle.stage"}',
    });
    assert.equal(response.status, 401);
  }
});

test("no answer to its owner holds a secret of the job", async () => {
  for (const path of ["", "/config", "/events", "/logs", "/artifacts"]) {
    const text = await (await fetchAs("ada", `/api/cloud/jobs/${adasJob}${path}`)).text();
    assert.ok(
      !/hf_0123456789|secret_?(access_)?key|STU[0-9A-F]{24}|"private"/i.test(text),
      `${path}: ${text}`,
    );
  }
});

test("the event stream tells everybody only of own jobs", async () => {
  const headers = (name: string) => ({ "x-test-user": name });
  const bob = await readStream(`${server.url}/api/events/stream?after=0`, headers("bob"));
  const ada = await readStream(`${server.url}/api/events/stream?after=0`, headers("ada"));
  const { dataloader } = await makeDataset(server.folder);
  const body = { config: { max_train_steps: 1 }, dataloader_config: dataloader };
  const { job_id } = await server.as("ada")("POST /api/cloud/jobs/submit", { body });
  const mine = await server.as("bob")("POST /api/cloud/jobs/submit", { body });
  const ends = (id: string) => (message: { data: Record<string, unknown> }) =>
    message.data["job_id"] === id && (message.data["data"] as { status?: string })?.status === "completed";
  await ada.until(ends(job_id));
  await bob.until(ends(mine.job_id));
  const told = bob.messages.slice(1).map(({ data }) => data["job_id"]);
  assert.deepEqual(new Set(told.filter((id) => id !== null)), new Set([mine.job_id]));
  assert.ok(!ada.messages.some(({ data }) => data["job_id"] === mine.job_id));
  ada.close();
  bob.close();
});

test("what changes something is refused to a page of another origin", async () => {
  const post = (headers: Record<string, string>) =>
    fetchAs("local", "/api/queue/concurrency", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: '{"max_concurrent":1}',
    });
  const { host } = new URL(server.url);
  assert.equal((await post({})).status, 200);
  assert.equal((await post({ origin: server.url })).status, 200);
  for (const origin of [
    "https://evil.example",
    "null",
    "",
    "http://127.0.0.1:1",
    `http://${host}.evil.example`,
  ]) {
    const response = await post({ origin });
    assert.equal(response.status, 403, origin);
    assert.equal(((await response.json()) as { error: string }).error, "origin_not_allowed");
  }
});

test("single user: believed on this machine only, or with the access token", async () => {
  const folder = await mkdtemp(join(tmpdir(), "single user "));
  const env = { ...process.env, SIMPLETUNER_LOG_LEVEL: "error" };
  const single = await startQuietly({ stateDir: folder, port: 0, host: "0.0.0.0", env });
  const token = new URL(single.accessUrl ?? "").searchParams.get("access_token") ?? "";
  const { port } = new URL(single.url);
  const status = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ host: "127.0.0.1", port, path: "/api/cloud/jobs", headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  try {
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "127.9.8.7"])
      assert.equal(await status({ host }), 200, host);
    for (const name of [
      "x-forwarded-for",
      "x-real-ip",
      "forwarded",
      "via",
      "x-forwarded-host",
      "cf-connecting-ip",
    ])
      assert.equal(await status({ [name]: "127.0.0.1" }), 401, name);
    for (const host of ["evil.example", `localhost.evil.example:${port}`, "192.168.1.5", "127.0.0.1.x"])
      assert.equal(await status({ host }), 401, host);
    const far = { host: "evil.example" };
    assert.equal(await status({ ...far, authorization: `Bearer ${token}` }), 200);
    assert.equal(await status({ ...far, "x-api-key": token }), 200);
    assert.equal(await status({ ...far, cookie: `a=b; simpletuner_session=${token}` }), 200);
    for (const wrong of [
      { authorization: `Bearer ${token}x` },
      { authorization: `Basic ${token}` },
      { "x-api-key": "" },
      { cookie: "simpletuner_session=%zz" },
      { cookie: "simpletuner_session" },
    ] as Record<string, string>[])
      assert.equal(await status({ ...far, ...wrong }), 401, JSON.stringify(wrong));
    const entered = await fetch(`${single.url}/?access_token=${token}`, { redirect: "manual" });
    assert.match(entered.headers.get("set-cookie") ?? "", /^simpletuner_session=.*HttpOnly; SameSite=Strict/);
    assert.equal((await fetch(`${single.url}/?access_token=wrong`)).headers.get("set-cookie"), null);
  } finally {
    await single.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test("every answer carries a correlation id, and takes a given one over unless it could break a log line", async () => {
  for (const path of [
    "/",
    "/docs",
    "/openapi.json",
    "/nothing.png",
    "/api/none",
    "/api/cloud/jobs",
    "/health",
  ]) {
    const given = await fetchAs("local", path, { headers: { "x-correlation-id": "my-id.1" } });
    assert.equal(given.headers.get("x-correlation-id"), "my-id.1", path);
    for (const odd of ["", "a b", "x".repeat(65), "<script>"]) {
      const made = (await fetchAs("local", path, { headers: { "x-correlation-id": odd } })).headers;
      assert.match(made.get("x-correlation-id") ?? "", /^[0-9a-f]{12}$/, path);
    }
  }
  const refused = await fetch(`${server.url}/api/cloud/jobs`, { headers: { "x-correlation-id": "abc" } });
  assert.equal(((await refused.json()) as { correlation_id: string }).correlation_id, "abc");
});

function fetchAs(name: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + path, { ...init, headers: { ...init.headers, "x-test-user": name } });
}
