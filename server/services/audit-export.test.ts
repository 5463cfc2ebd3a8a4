import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { statePaths } from "../config/state-paths.ts";
import { connectDatabase } from "../db/open-database.ts";
import { serverEventStore } from "../db/stores/server-events.ts";
import { startCollector, type TestCollector } from "../testing/collector.ts";
import { type ServerProcess, startServerProcess } from "../testing/server-process.ts";
import { startTestServer, storedTexts, type TestServer } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

const token = "tok-nobody-may-see-9471";

async function refusal(work: Promise<unknown>): Promise<[status: number, code: string, message: string]> {
  const error = await work.then(
    () => assert.fail("it was allowed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError, String(error));
  return [error.status, error.code, error.message];
}

describe("the audit at a collector", () => {
  let server: TestServer;
  let collector: TestCollector;
  before(async () => {
    server = await startTestServer({
      env: { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.1" },
    });
    collector = await startCollector();
  });
  after(async () => {
    await server.close();
    await collector.close();
  });
  beforeEach(() => (collector.answer = () => ({ status: 200 })));

  const look = () => server.call("GET /api/audit/export-config");
  const set = (body: object = {}) =>
    server.call("PUT /api/audit/export-config", {
      body: { format: "json", webhook_url: `${collector.url}/in`, ...body },
    });
  const act = () => server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "ask" } });
  const untilSent = () =>
    eventually("the collector to have everything", async () => (await look()).status === "up_to_date");
  const refuse = (id: number) => {
    collector.answer = ({ body }) => ({ status: body.includes(`"audit_id":${id},`) ? 400 : 200 });
  };

  test("is off at first, and says so to whoever tries or resumes", async () => {
    assert.equal((await look()).status, "off");
    const trial = server.call("POST /api/audit/export-config/test", { body: {} });
    assert.deepEqual((await refusal(trial)).slice(0, 2), [409, "audit_export_off"]);
    const resume = server.call("POST /api/audit/export-config/resume", { body: {} });
    assert.deepEqual((await refusal(resume)).slice(0, 2), [409, "audit_export_off"]);
    assert.equal((await server.call("DELETE /api/audit/export-config")).status, "off");
  });

  test("gets entries from here on, first the one that tells of it; who looks never sees the token", async () => {
    await act();
    const answer = await set({ auth_token: `Splunk ${token}` });
    assert.deepEqual([answer.auth_scheme, answer.auth_token_set], ["Splunk", true]);
    await act();
    await untilSent();
    const [first, ...more] = collector.requests;
    assert.equal(first?.headers.authorization, `Splunk ${token}`);
    const { simpletuner } = JSON.parse(first.body) as { simpletuner: Record<string, unknown> };
    assert.equal(simpletuner["event_type"], "audit.export_changed");
    assert.equal(simpletuner["actor_username"], "local");
    assert.equal(more.length, 1);
    assert.equal((await look()).last_sent_id, (simpletuner["audit_id"] as number) + 1);
    const told = JSON.stringify([answer, await look(), await server.call("GET /api/audit", { query: {} })]);
    assert.ok(!told.includes(token));
    for (const [place, text] of await storedTexts(server)) assert.ok(!text.includes(token), place);
  });

  test("is posted to as PUT does, from the beginning when that is wanted", async () => {
    collector.taken.length = 0;
    await server.call("POST /api/audit/export-config", {
      body: { format: "json", webhook_url: `${collector.url}/in`, start: "beginning" },
    });
    await untilSent();
    const { last_sent_id: last } = await look();
    assert.deepEqual(
      collector.taken,
      Array.from({ length: last ?? 0 }, (_, index) => index + 1),
    );
    assert.equal(collector.requests.at(-1)?.headers.authorization, `Splunk ${token}`, "the token stays");
  });

  test("does not get the token of another, and none when it is taken away", async () => {
    const elsewhere = { webhook_url: "http://127.0.0.1:9/" };
    const [status, code, message] = await refusal(set(elsewhere));
    assert.deepEqual([status, code], [422, "audit_export_invalid"]);
    assert.match(message, /^auth_token: send the token that belongs to this address/);
    const trial = server.call("POST /api/audit/export-config/test", { body: elsewhere });
    assert.match((await refusal(trial))[2], /^auth_token: /);
    assert.match((await refusal(set({ auth_token: "a b c" })))[2], /one space between/);
    await set({ auth_token: null });
    const { ok } = await server.call("POST /api/audit/export-config/test", { body: {} });
    assert.equal(ok, true);
    assert.equal(collector.requests.at(-1)?.headers.authorization, undefined);
    await set({ auth_token: token, auth_scheme: "Bearer" });
    assert.equal((await look()).auth_scheme, "Bearer");
  });

  test("is tried with an event that is none, and its answer is told without the token", async () => {
    collector.answer = ({ headers }) => ({ status: 403, body: `who is ${headers.authorization}?` });
    const trial = await server.call("POST /api/audit/export-config/test", { body: { format: "cef" } });
    assert.deepEqual([trial.ok, trial.status, trial.answer], [false, 403, "who is Bearer ***?"]);
    assert.match(trial.problem ?? "", /refuses the token/);
    assert.match(trial.sent, /^CEF:0\|.*audit\.export_test.*Nothing happened/);
    assert.equal(collector.requests.at(-1)?.body, trial.sent);
    const { total } = await server.call("GET /api/audit", { query: { event_type: "audit.export_test" } });
    assert.equal(total, 0);
  });

  test("shows an entry in each format before it is sent", async () => {
    const { entries } = await server.call("GET /api/audit", { query: { limit: 1 } });
    for (const [format, start] of [
      ["json", '{"@timestamp":'],
      ["cef", "CEF:0|"],
      ["syslog", "<110>1 "],
    ] as const) {
      const preview = await server.call("GET /api/audit/export-config/preview", { query: { format } });
      assert.equal(preview.entry_id, entries[0]?.id);
      assert.ok(preview.body.startsWith(start), preview.body);
    }
  });

  test("that refuses an entry gets nothing more until somebody tries again or leaves the entry out", async () => {
    await untilSent();
    const bad = ((await look()).last_sent_id ?? 0) + 2;
    refuse(bad);
    for (let n = 0; n < 4; n++) await act();
    await eventually("the refusal", async () => (await look()).status === "stopped");
    const stopped = await look();
    assert.deepEqual(
      [stopped.problem_entry, stopped.last_sent_id, stopped.next_try_at],
      [bad, bad - 1, null],
    );
    assert.ok(stopped.waiting >= 4, "the entry of the stop waits as well");
    const resume = (body: object) => server.call("POST /api/audit/export-config/resume", { body });
    assert.match((await refusal(resume({ skip_entry: bad + 1 })))[2], /has not refused entry/);
    await resume({});
    await eventually("the second refusal", async () => (await look()).status === "stopped");
    const health = await server.call("GET /api/cloud/health", { query: {} });
    const part = health.components.find(({ name }) => name === "audit_export");
    assert.equal(part?.status, "degraded");
    assert.ok(!JSON.stringify(part).includes("127.0.0.1"));
    const { content: metrics } = await server.call("POST /api/cloud/metrics/config/preview", {
      body: { categories: ["audit"] },
    });
    assert.match(metrics, /^simpletuner_audit_export_lag_entries [1-9]/m);
    assert.match(metrics, /^simpletuner_audit_export_stopped 1/m);
    collector.taken.length = 0;
    await resume({ skip_entry: bad });
    await untilSent();
    assert.ok(!collector.taken.includes(bad));
    assert.equal(collector.taken[0], bad + 1);
    const { entries } = await server.call("GET /api/audit", {
      query: { event_type: "audit.export_resumed", limit: 1 },
    });
    assert.equal(entries[0]?.details["skipped"], bad);
  });

  test("hears of its end, and of nothing after", async () => {
    const ended = await server.call("DELETE /api/audit/export-config");
    assert.deepEqual([ended.status, ended.webhook_url, ended.auth_token_set], ["off", null, false]);
    const last = collector.requests.at(-1)?.body ?? "";
    assert.match(last, /"event_type":"audit\.export_changed".*"on":false/);
    const heard = collector.requests.length;
    await act();
    await delay(1_200);
    assert.equal(collector.requests.length, heard);
    const health = await server.call("GET /api/cloud/health", { query: {} });
    assert.ok(!health.components.some(({ name }) => name === "audit_export"));
  });

  test("is set and seen by administrators of the audit alone", async () => {
    for (const work of [
      server.as("ada")("GET /api/audit/export-config"),
      server.as("ada")("DELETE /api/audit/export-config"),
    ])
      assert.deepEqual((await refusal(work)).slice(0, 2), [403, "permission_denied"]);
  });
});

describe("an address that people may not have called", () => {
  test("is refused when it is entered and when it is tried, before anything is sent", async () => {
    const collector = await startCollector();
    const server = await startTestServer();
    try {
      const addresses = [
        collector.url,
        "http://localhost:9/",
        "http://169.254.169.254/latest",
        "http://[::1]:9/",
      ];
      for (const webhook_url of addresses) {
        const body = { format: "json" as const, webhook_url };
        const outcome = await refusal(server.call("PUT /api/audit/export-config", { body }));
        assert.deepEqual(outcome.slice(0, 2), [422, "audit_export_invalid"]);
        assert.match(outcome[2], /^webhook_url: .*SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES/);
        const trial = await refusal(server.call("POST /api/audit/export-config/test", { body }));
        assert.match(trial[2], /^webhook_url: .*SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES/);
      }
      for (const webhook_url of ["http://ada:pw@collector.example/", "ftp://collector.example/", "http://:9"])
        assert.match(
          (
            await refusal(
              server.call("PUT /api/audit/export-config", { body: { format: "json", webhook_url } }),
            )
          )[2],
          /^webhook_url: /,
        );
      assert.equal(collector.requests.length, 0);
    } finally {
      await server.close();
      await collector.close();
    }
  });
});

describe("a server that is killed while it sends the audit", () => {
  test("sends every entry, in order, and few of them twice", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "audit kill "));
    const collector = await startCollector();
    const env = {
      SIMPLETUNER_STATE_DIR: join(folder, "state"),
      SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.1",
    };
    let server: ServerProcess = await startServerProcess(env);
    t.after(async () => {
      await server.kill().catch(() => undefined);
      await collector.close();
      await rm(folder, { recursive: true, force: true });
    });
    await addEvents(env.SIMPLETUNER_STATE_DIR, 300);
    let killAt = 130;
    const killed = Promise.withResolvers<void>();
    collector.answer = () => {
      if (collector.taken.length >= killAt) killed.resolve(server.kill());
      return { status: 200 };
    };
    await server.call("PUT /api/audit/export-config", {
      body: { format: "json", webhook_url: collector.url, auth_token: token, start: "beginning" },
    });
    await killed.promise;
    const first = collector.taken.splice(0);
    const log = server.log();
    killAt = Number.POSITIVE_INFINITY;
    server = await startServerProcess(env);
    await eventually(
      "everything at the collector",
      async () => (await server.call("GET /api/audit/export-config")).status === "up_to_date",
      20_000,
    );
    const second = collector.taken;
    for (const run of [first, second])
      assert.deepEqual(
        run,
        run.map((_, index) => (run[0] ?? 0) + index),
      );
    const repeated = (first.at(-1) ?? 0) - (second[0] ?? 0) + 1;
    assert.ok(repeated >= 0 && repeated <= 51, `${repeated} were sent again`);
    assert.equal(first[0], 1);
    assert.ok((second.at(-1) ?? 0) > 300);
    assert.ok(!(log + server.log()).includes(token));
  });
});

/** Events of the past, beside the server. */
async function addEvents(stateDir: string, howMany: number): Promise<void> {
  const db = await connectDatabase({ kind: "sqlite", path: statePaths(stateDir).database });
  const events = serverEventStore(db, Date.now, () => undefined);
  await Promise.all(
    Array.from({ length: howMany }, (_, n) => events.append("settings.changed", { names: [`n${n}`] })),
  ).finally(() => db.destroy());
}
