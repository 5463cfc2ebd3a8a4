import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { addUser, type Browser, codeOf, eventsOf, setUp, signIn } from "../testing/account-clients.ts";
import { readStream } from "../testing/stream-reader.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let root: Browser;
const clock = { ms: Date.now() };

before(async () => {
  server = await startTestServer({ accounts: true, now: () => clock.ms });
  root = await setUp(server);
  await addUser(root, "ada");
});
after(() => server.close());

/** Written beside the answer, so a moment after it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await condition()) && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

test("refusals are written down once a minute for a caller and a permission, with the number of those between", async () => {
  const ada = await signIn(server, "ada");
  const denied = () => eventsOf(server, "security.permission_denied");
  for (let time = 0; time < 20; time++) await codeOf(ada.call("GET /api/users"));
  await codeOf(ada.call("PUT /api/cloud/data-consent/setting", { body: { consent: "deny" } }));
  await until(async () => (await denied()).length === 2);
  assert.deepEqual(
    (await denied()).map(({ actor_name, permission, method, path, times, address }) => [
      actor_name,
      permission,
      method,
      path,
      times,
      address,
    ]),
    [
      ["ada", "admin.users", "GET", "/api/users", 1, "127.0.0.1"],
      ["ada", "admin.config", "PUT", "/api/cloud/data-consent/setting", 1, "127.0.0.1"],
    ],
  );
  clock.ms += 60_001;
  await codeOf(ada.call("GET /api/users"));
  await until(async () => (await denied()).length === 3);
  assert.equal((await denied())[2]?.["times"], 20);
});

test("what happens to accounts is never told on the event stream, to administrators neither", async () => {
  const token = root.cookies.get("simpletuner_session") ?? "";
  const stream = await readStream(`${server.url}/api/events/stream?after=0`, {
    authorization: `Bearer ${token}`,
  });
  await root.call("PUT /api/cloud/data-consent/setting", { body: { consent: "ask" } });
  await stream.until(({ event }) => event === "settings.changed");
  assert.deepEqual(
    new Set(stream.messages.map(({ event }) => event)),
    new Set(["connection", "settings.changed"]),
  );
  stream.close();
});
