import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { recoverAccount } from "../recover-account.ts";
import {
  addUser,
  type Browser,
  codeOf,
  eventsOf,
  goodPassword,
  login,
  openBrowser,
  setUp,
  signIn,
} from "../testing/account-clients.ts";
import { readStream } from "../testing/stream-reader.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("a session", () => {
  let server: TestServer;
  let root: Browser;
  const clock = { ms: Date.now() };
  const hours = (count: number) => (clock.ms += count * 3_600_000);
  const alive = async (browser: Browser) => (await browser.call("GET /api/auth/check")).authenticated;
  before(async () => {
    server = await startTestServer({ accounts: true, now: () => clock.ms });
    root = await setUp(server);
    await addUser(root, "ada");
  });
  after(() => server.close());

  test("lasts 24 hours unused and a week in all, a remembered one 30 days", async () => {
    const used = await signIn(server, "ada");
    const left = await signIn(server, "ada");
    const remembered = openBrowser(server);
    await login(remembered, "ada", goodPassword, true);
    for (let day = 0; day < 7; day++) {
      hours(23);
      assert.ok(await alive(used), `day ${day}`);
    }
    assert.ok(!(await alive(left)));
    assert.equal(await codeOf(left.call("GET /api/cloud/jobs")), "credential_refused");
    hours(8);
    assert.ok(!(await alive(used)));
    assert.ok(await alive(remembered));
    hours(24 * 23);
    assert.ok(!(await alive(remembered)));
  });

  test("ends at sign-out, at sign-out elsewhere and when another is ended; each browser has its own", async () => {
    root = await signIn(server, "root");
    const [one, two, three] = [
      await signIn(server, "ada"),
      await signIn(server, "ada"),
      await signIn(server, "ada"),
    ];
    await one.call("POST /api/auth/logout");
    assert.equal(one.cookies.size, 0);
    assert.ok(!(await alive(one)) && (await alive(two)));
    const { sessions } = await two.call("GET /api/auth/sessions");
    assert.deepEqual(sessions.map(({ is_current }) => is_current).sort(), [false, true]);
    const other = sessions.find(({ is_current }) => !is_current)?.id ?? "";
    await two.call("DELETE /api/auth/sessions/{session_id}", { params: { session_id: other } });
    assert.ok(!(await alive(three)) && (await alive(two)));
    const mine = (await root.call("GET /api/auth/sessions")).sessions[0]?.id ?? "";
    assert.equal(
      await codeOf(two.call("DELETE /api/auth/sessions/{session_id}", { params: { session_id: mine } })),
      "session_not_found",
    );
    const four = await signIn(server, "ada");
    assert.deepEqual(await two.call("POST /api/auth/sessions/revoke-others"), { success: true, ended: 1 });
    assert.ok(!(await alive(four)) && (await alive(two)) && (await alive(root)));
  });

  test("ends everywhere but here when the password is changed, which needs the present one", async () => {
    const [here, there] = [await signIn(server, "ada"), await signIn(server, "ada")];
    const change = (current_password: string, new_password: string) =>
      codeOf(here.call("POST /api/auth/change-password", { body: { current_password, new_password } }));
    assert.equal(await change("wrong", "another lighthouse"), "password_wrong");
    assert.equal(await change(goodPassword, "12345678"), "password_unsuitable");
    assert.ok(await alive(there));
    assert.equal(await change(goodPassword, "another lighthouse"), "accepted");
    assert.ok((await alive(here)) && !(await alive(there)));
    assert.equal(await codeOf(login(openBrowser(server), "ada")), "sign_in_failed");
    await here.call("PUT /api/users/me/password", {
      body: { current_password: "another lighthouse", new_password: goodPassword },
    });
  });

  test("may be sent as a bearer token too; a wrong one in a header is never covered by a good cookie", async () => {
    const ada = await signIn(server, "ada");
    const token = ada.cookies.get("simpletuner_session") ?? "";
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/api/cloud/jobs`, { headers })).status;
    assert.equal(await status({ authorization: `Bearer ${token}` }), 200);
    assert.equal(await status({ cookie: `simpletuner_session=${token}` }), 200);
    const cookie = `simpletuner_session=${token}`;
    for (const wrong of [
      { authorization: "Bearer nonsense" },
      { "x-api-key": `st_${"a".repeat(32)}` },
      { "x-api-key": "" },
    ] as Record<string, string>[])
      assert.equal(await status({ cookie, ...wrong }), 401);
    for (const odd of ["", "%00", "a".repeat(9_000), `${token}\u00e9`, token.toLowerCase()])
      assert.equal(await status({ cookie: `simpletuner_session=${encodeURIComponent(odd)}` }), 401);
  });

  test("of a cookie changes something only for a page of this server", async () => {
    const ada = await signIn(server, "ada");
    const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const csrf = ada.cookies.get("csrf_token") ?? "";
    const post = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/api/auth/sessions/revoke-others`, { method: "POST", headers })).status;
    assert.equal(await post({ cookie, "x-csrf-token": csrf }), 200);
    assert.equal(
      await post({ cookie, "x-csrf-token": csrf, origin: server.url, "sec-fetch-site": "same-origin" }),
      200,
    );
    assert.equal(await post({ cookie }), 403);
    for (const wrong of ["", "x", csrf.slice(1), root.cookies.get("csrf_token") ?? ""])
      assert.equal(await post({ cookie, "x-csrf-token": wrong }), 403);
    for (const foreign of [
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "null" },
    ] as Record<string, string>[])
      assert.equal(await post({ cookie, "x-csrf-token": csrf, ...foreign }), 403, JSON.stringify(foreign));
    const { key } = await ada.call("POST /api/auth/api-keys", { body: { name: "x" } });
    assert.equal(await post({ "x-api-key": key }), 200);
  });

  test("is not kept alive by a stream, whose end it is; rights that change end the stream too", async () => {
    const id = await addUser(root, "watcher");
    const open = async () => {
      const browser = await signIn(server, "watcher");
      const cookie = `simpletuner_session=${browser.cookies.get("simpletuner_session")}`;
      return { browser, stream: await readStream(`${server.url}/api/events/stream`, { cookie }) };
    };
    const first = await open();
    await first.browser.call("POST /api/auth/logout");
    await first.stream.ended;
    const second = await open();
    await root.call("POST /api/users/{user_id}/levels", {
      params: { user_id: id },
      body: { level_name: "lead" },
    });
    await second.stream.ended;
    const third = await open();
    await root.call("POST /api/users/{user_id}/deactivate", { params: { user_id: id } });
    await third.stream.ended;
    assert.equal(await codeOf(third.browser.call("GET /api/cloud/jobs")), "credential_refused");
  });

  test("that another process ends takes its stream with it", async () => {
    await addUser(root, "remote");
    const browser = await signIn(server, "remote");
    const cookie = `simpletuner_session=${browser.cookies.get("simpletuner_session")}`;
    const stream = await readStream(`${server.url}/api/events/stream`, { cookie });
    await recoverAccount({ ...server, named: "remote", password: "another lighthouse" });
    await stream.ended;
    assert.ok(!(await alive(browser)));
  });

  test("that ran out is removed with its event, and failed attempts are forgotten", async () => {
    await signIn(server, "ada");
    hours(24 * 31);
    await server.restart();
    root = await signIn(server, "root");
    const count = () =>
      server.database(async (db) => (await db.selectFrom("sessions").select("id").execute()).length);
    const deadline = performance.now() + 10_000;
    while ((await count()) > 1 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await count(), 1);
    assert.ok(
      (await eventsOf(server, "auth.session.expired")).some(({ actor_name }) => actor_name === "ada"),
    );
  });
});
