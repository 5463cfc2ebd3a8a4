import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { type Asked, FakeError, fakeServer } from "../testing/fake-server.ts";

const sending = {
  status: "sending",
  format: "cef",
  webhook_url: "https://collector.example/in",
  auth_scheme: "Splunk",
  auth_token_set: true,
  security_only: true,
  last_sent_id: 1_234,
  last_sent_at: "2026-11-24T10:00:00.000Z",
  waiting: 1,
  problem: null,
  problem_entry: null,
  failing_since: null,
  attempts: 0,
  next_try_at: null,
  changed_at: "2026-11-24T10:00:00.000Z",
  changed_by: "ada",
};
const stopped = {
  ...sending,
  status: "stopped",
  waiting: 12,
  problem: "The collector refuses the entry (status 400).",
  problem_entry: 1_235,
  failing_since: "2026-11-24T10:00:00.000Z",
  attempts: 2,
};
const off = { ...sending, status: "off", format: null, webhook_url: null };

describe("the audit's collector on the command line", () => {
  test("its state is shown, with the way out of a refusal", async () => {
    await using server = await fakeServer({ "GET /api/audit/export-config": () => sending });
    const { code, out } = await ran(server.url, ["audit", "export-config"]);
    assert.equal(code, 0);
    assert.match(
      out,
      /Address: +https:\/\/collector\.example\/in\nFormat: +cef, security only\nToken: +set \(Splunk\)/,
    );
    assert.match(out, /State: +on its way\nSent: +up to entry 1,234, .*\nWaiting: +1 entry\n/);
    server.routes["GET /api/audit/export-config"] = () => stopped;
    const refused = (await ran(server.url, ["audit", "export-config", "show"])).out;
    assert.match(refused, /Waiting: +12 entries\nProblem: +The collector refuses .*\nSince: .*\(2 tries\)\n/);
    assert.match(refused, /resume`, or leave entry 1235 out with --skip 1235/);
    server.routes["GET /api/audit/export-config"] = () => off;
    assert.match((await ran(server.url, ["audit", "export-config"])).out, /not sent to a collector/);
  });

  test("it is set with a token from a file, tried, resumed and switched off", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "audit-export-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "token"), "tok-9471\nrest\n");
    const bodies: unknown[] = [];
    const keep =
      (answer: unknown) =>
      ({ body }: Asked): unknown => {
        bodies.push(body);
        return answer;
      };
    const trial = { ok: true, status: 200, answer: "", problem: null, latency_ms: 7, sent: "{}" };
    await using server = await fakeServer({
      "PUT /api/audit/export-config": keep(sending),
      "POST /api/audit/export-config/test": keep(trial),
      "POST /api/audit/export-config/resume": keep(sending),
      "DELETE /api/audit/export-config": keep(off),
    });
    const run = (...args: string[]) => ran(server.url, ["audit", "export-config", ...args], folder);
    const url = "https://collector.example/in";
    const set = await run(
      "set",
      url,
      "--as",
      "cef",
      "--token-file",
      "token",
      "--scheme",
      "Splunk",
      "--security-only",
      "--from",
      "beginning",
    );
    assert.equal(set.code, 0, set.err);
    assert.match((await run("test", "--as", "syslog")).out, /took the event \(status 200, 7 ms\)/);
    await run("set", url, "--no-token");
    await run("resume", "--skip", "1235");
    assert.match((await run("off")).out, /not sent/);
    assert.deepEqual(bodies.slice(0, 4), [
      {
        format: "cef",
        webhook_url: url,
        security_only: true,
        start: "beginning",
        auth_scheme: "Splunk",
        auth_token: "tok-9471",
      },
      { format: "syslog" },
      { format: "json", webhook_url: url, security_only: false, auth_token: null },
      { skip_entry: 1_235 },
    ]);
    const both = await run("set", url, "--no-token", "--token-file", "token");
    assert.deepEqual([both.code, /not both/.test(both.err)], [1, true]);
    assert.doesNotMatch(set.out, /tok-9471/);
  });

  test("a trial that is not good, and an address that is refused, fail with the reason", async () => {
    const bad = {
      ok: false,
      status: 403,
      answer: "no",
      problem: "The collector refuses the token.",
      latency_ms: 3,
      sent: "",
    };
    await using server = await fakeServer({
      "POST /api/audit/export-config/test": () => bad,
      "PUT /api/audit/export-config": () => {
        throw new FakeError("audit_export_invalid", {
          field: "webhook_url",
          problem: "10.0.0.1 leads inside.",
        });
      },
    });
    const trial = await ran(server.url, ["audit", "export-config", "test"]);
    assert.deepEqual([trial.code, trial.err.includes("refuses the token")], [1, true]);
    const set = await ran(server.url, ["audit", "export-config", "set", "http://10.0.0.1/"]);
    assert.deepEqual([set.code, set.err.includes("leads inside")], [1, true]);
  });
});
