import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { type Asked, fakeServer } from "../testing/fake-server.ts";

const rule = {
  name: "login",
  pattern: "^\\/api\\/auth\\/login$",
  methods: ["POST"],
  limit: 5,
  signed_in_limit: 5,
  window_seconds: 60,
  counted_by: "address",
  when_uncounted: "closed",
  requests: { allowed: 9, refused: 2, unchecked: 0, closed: 0 },
};
const all = {
  enabled: true,
  passes_this_machine: true,
  suspended_since: null,
  rules: [rule],
  excluded: [],
  violations: 2,
  tracked_clients: 1,
};
const use = { rule: "login", used: 5, limit: 5, window_seconds: 60, retry_after_seconds: 12 };

describe("rate limits on the command line", () => {
  test("rules are listed with what they refused; being off or silent is told", async () => {
    await using server = await fakeServer({ "GET /api/cloud/rate-limits": () => all });
    const { code, out } = await ran(server.url, ["rate-limits", "list"]);
    assert.equal(code, 0);
    assert.match(out, /login +POST +\S+login\$ +5 +5 +60 +9 +2/);
    server.routes["GET /api/cloud/rate-limits"] = () => ({ ...all, suspended_since: "2026-11-24T10:00:00Z" });
    assert.match((await ran(server.url, ["rate-limits", "list"])).err, /nobody can sign in/);
    server.routes["GET /api/cloud/rate-limits"] = () => ({ ...all, enabled: false, rules: [] });
    assert.match((await ran(server.url, ["rate-limits", "list"])).out, /RATE_LIMIT_CALLS=0/);
  });

  test("what a client has used is shown and forgotten", async () => {
    const asked: unknown[] = [];
    await using server = await fakeServer({
      "GET /api/cloud/rate-limits/usage": ({ query }: Asked) => {
        asked.push(query.get("client"));
        return { client: "203.0.113.7", rules: [use] };
      },
      "POST /api/cloud/rate-limits/reset": ({ body }: Asked) => {
        asked.push(body);
        return { client: "user:u1", rules: [] };
      },
    });
    assert.match(
      (await ran(server.url, ["rate-limits", "usage", "203.0.113.7"])).out,
      /login +5 of 5 +60 +12 s/,
    );
    const reset = await ran(server.url, ["rate-limits", "reset", "ada", "--rule", "login"]);
    assert.match(reset.out, /user:u1 has used nothing/);
    assert.deepEqual(asked, ["203.0.113.7", { client: "ada", rule: "login" }]);
  });
});
