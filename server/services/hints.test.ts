import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("explanations that people put away", () => {
  let server: TestServer;
  before(async () => (server = await startTestServer()));
  after(() => server.close());

  const dismissed = async (name: string) => (await server.as(name)("GET /api/cloud/hints")).dismissed_hints;
  const put = (name: string, what: "dismiss" | "show", hint: "first_steps" | "git") =>
    server.as(name)(`POST /api/cloud/hints/${what}/{hint}`, { params: { hint } });

  test("one is gone for whom it was put away, also after a restart, and comes back", async () => {
    assert.deepEqual(await dismissed("ada"), []);
    await put("ada", "dismiss", "git");
    await Promise.all([put("ada", "dismiss", "first_steps"), put("ada", "dismiss", "git")]);
    assert.deepEqual(await dismissed("ada"), ["first_steps", "git"]);
    assert.deepEqual(await dismissed("bob"), []);
    await server.restart();
    assert.deepEqual(await dismissed("ada"), ["first_steps", "git"]);
    await put("ada", "show", "first_steps");
    assert.deepEqual(await dismissed("ada"), ["git"]);
  });

  test("one that there is not is refused", async () => {
    const response = await fetch(`${server.url}/api/cloud/hints/dismiss/colours`, {
      method: "POST",
      headers: { "x-test-user": "ada" },
    });
    assert.ok(response.status === 400 || response.status === 422, String(response.status));
  });
});
