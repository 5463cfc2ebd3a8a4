import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { hash } from "@node-rs/argon2";
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
import {
  makeDataset,
  startTestServer,
  storedTexts,
  type TestServer,
  waitForJob,
} from "../testing/test-server.ts";
import { quickTrainer } from "../testing/trainer-scripts.ts";

const firstAdmin = { username: "root", email: "root@example.org", password: goodPassword };

describe("the first administrator", () => {
  let server: TestServer;
  before(async () => (server = await startTestServer({ accounts: true, script: quickTrainer })));
  after(() => server.close());

  test("until then one user has everything; then exactly one of many wins, and owns what there was", async () => {
    const nobody = openBrowser(server);
    assert.equal((await nobody.call("GET /api/auth/check")).mode, "single-user");
    assert.equal((await nobody.call("GET /api/users/me")).username, "local");
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 1 }, dataloader_config: dataloader };
    const { job_id } = await nobody.call("POST /api/cloud/jobs/submit", { body });
    await waitForJob(nobody.call, job_id, (job) => job.is_terminal);
    const { key } = await nobody.call("POST /api/cloud/storage-keys", { body: { name: "laptop" } });
    const status = await nobody.call("GET /api/auth/setup/status");
    assert.deepEqual(status, {
      needs_setup: true,
      has_admin: false,
      user_count: 0,
      registration_enabled: false,
      setup_token_required: false,
    });
    for (const early of [
      codeOf(login(nobody, "root")),
      codeOf(nobody.call("POST /api/users", { body: { username: "ada", email: "a@example.org" } })),
      codeOf(nobody.call("POST /api/auth/register", { body: firstAdmin })),
      codeOf(nobody.call("POST /api/auth/api-keys", { body: { name: "x" } })),
      codeOf(nobody.call("POST /api/users/levels", { body: { name: "x", permission_names: [] } })),
    ])
      assert.equal(await early, "not_set_up");
    const weak = { ...firstAdmin, password: "password1" };
    assert.equal(
      await codeOf(nobody.call("POST /api/auth/setup/first-admin", { body: weak })),
      "password_unsuitable",
    );
    const browsers = Array.from({ length: 8 }, (_, place) => ({ place, browser: openBrowser(server) }));
    const outcomes = await Promise.all(
      browsers.map(({ place, browser }) =>
        codeOf(
          browser.call("POST /api/auth/setup/first-admin", {
            body: { ...firstAdmin, username: `root${place}`, email: `root${place}@example.org` },
          }),
        ),
      ),
    );
    assert.deepEqual(
      outcomes.filter((code) => code !== "setup_done"),
      ["accepted"],
    );
    const winner = browsers[outcomes.indexOf("accepted")]?.browser as Browser;
    const me = await winner.call("GET /api/users/me");
    assert.ok(me.is_admin && me.last_login_at !== null);
    assert.equal((await winner.call("GET /api/cloud/jobs")).jobs[0]?.user_id, me.id);
    assert.equal(
      (await winner.call("GET /api/cloud/storage-keys")).keys[0]?.access_key_id,
      key.access_key_id,
    );
    assert.equal(
      (await winner.call("GET /api/cloud/jobs/{job_id}", { params: { job_id } })).job.user_id,
      me.id,
    );
    assert.equal((await winner.call("GET /api/auth/check")).mode, "multi-user");
    assert.equal(await codeOf(nobody.call("GET /api/cloud/jobs")), "authentication_error");
    assert.equal((await eventsOf(server, "user.created")).length, 1);
  });

  test("of a server that others reach needs the token that was printed, also on the machine itself", async () => {
    const far = await startTestServer({
      accounts: true,
      env: { SIMPLETUNER_PUBLIC_URL: "https://train.example.org" },
    });
    try {
      const token = new URL(far.accessUrl ?? "").searchParams.get("access_token") ?? "";
      assert.equal(new URL(far.accessUrl ?? "").origin, "https://train.example.org");
      const here = openBrowser(far);
      assert.equal((await here.call("GET /api/auth/setup/status")).setup_token_required, true);
      const attempt = (setup_token?: string) =>
        codeOf(
          here.call("POST /api/auth/setup/first-admin", {
            body: { ...firstAdmin, ...(setup_token !== undefined && { setup_token }) },
          }),
        );
      for (const wrong of [undefined, "", "x", `${token}x`])
        assert.equal(await attempt(wrong), "setup_token_required");
      const entered = openBrowser(far);
      await entered.fetch(`/?access_token=${token}`);
      assert.equal((await entered.call("GET /api/auth/setup/status")).setup_token_required, false);
      assert.equal(await attempt(token), "accepted");
      assert.equal(await codeOf(entered.call("GET /api/cloud/jobs")), "credential_refused");
      await far.restart();
      assert.equal(far.accessUrl, "https://train.example.org");
    } finally {
      await far.close();
    }
  });
});

describe("signing in", () => {
  let server: TestServer;
  let root: Browser;
  const clock = { ms: Date.now() };
  before(async () => {
    server = await startTestServer({ accounts: true, now: () => clock.ms });
    root = await setUp(server);
    await addUser(root, "ada");
  });
  after(() => server.close());

  test("works by name and by address in any spelling, and hands out two cookies", async () => {
    for (const name of ["ada", "ADA", " ada ", "Ada@Example.org"]) {
      const browser = openBrowser(server);
      assert.equal((await login(browser, name)).user.username, "ada");
      assert.equal((await browser.call("GET /api/auth/check")).username, "ada");
    }
    const raw = await fetch(`${server.url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "ada", password: goodPassword, remember_me: true }),
    });
    const [session = "", csrf = ""] = raw.headers.getSetCookie();
    assert.match(
      session,
      /^simpletuner_session=[\w-]{43}; HttpOnly; Path=\/; SameSite=Lax; Max-Age=2592000$/,
    );
    assert.match(csrf, /^csrf_token=[\w-]{43}; Path=\/; SameSite=Lax; Max-Age=2592000$/);
    const text = await raw.text();
    assert.ok(!/argon2|password_hash|[\w-]{43}/.test(text), text);
    const short = openBrowser(server);
    const answer = await short.fetch("/api/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "ada", password: goodPassword }),
    });
    assert.ok(!answer.headers.getSetCookie().some((cookie) => /Max-Age|Secure/.test(cookie)));
  });

  test("nothing that opens a door lies in the database or the log as it is", async () => {
    const browser = await signIn(server, "ada");
    const { key } = await browser.call("POST /api/auth/api-keys", { body: { name: "x" } });
    const secrets = [goodPassword, key, browser.cookies.get("simpletuner_session") ?? ""];
    for (const [place, text] of await storedTexts(server))
      for (const secret of secrets) assert.ok(secret.length > 20 && !text.includes(secret), place);
  });

  test("a wrong password, a name that is not there and a user switched off look the same", async () => {
    const id = await addUser(root, "gone");
    await root.call("POST /api/users/{user_id}/deactivate", { params: { user_id: id } });
    const answers = [];
    for (const [username, password] of [
      ["ada", "wrong"],
      ["nobody-here", goodPassword],
      ["gone", goodPassword],
    ] as const) {
      const answer = await fetch(`${server.url}/api/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-correlation-id": "same" },
        body: JSON.stringify({ username, password }),
      });
      answers.push([answer.status, await answer.text()]);
    }
    assert.equal(new Set(answers.map(String)).size, 1);
    assert.equal(answers[0]?.[0], 401);
    const failed = await eventsOf(server, "auth.login.failed");
    assert.deepEqual(
      failed.map(({ reason, target_name }) => [reason, target_name]),
      [
        ["wrong_password", "ada"],
        ["unknown_name", undefined],
        ["switched_off", "gone"],
      ],
    );
    assert.ok(failed.every(({ address }) => address === "127.0.0.1"));
  });

  test("after five failures a name waits, whoever it is, many at once included; the wait ends and grows", async () => {
    const attempt = (name: string, password: string) => codeOf(login(openBrowser(server), name, password));
    for (const name of ["root", "nobody-at-all"]) {
      const many = await Promise.all(Array.from({ length: 12 }, () => attempt(name, "wrong")));
      assert.equal(many.filter((code) => code === "sign_in_failed").length, 5, name);
      assert.equal(many.filter((code) => code === "too_many_attempts").length, 7, name);
      assert.equal(await attempt(name, goodPassword), "too_many_attempts");
    }
    const refused = await openBrowser(server).fetch("/api/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "root", password: goodPassword }),
    });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "30");
    // Who is signed in already goes on.
    const { users } = await root.call("GET /api/users");
    assert.ok(users.find(({ username }) => username === "root")?.locked_until);
    clock.ms += 30_001;
    assert.equal(await attempt("root", "wrong"), "sign_in_failed");
    clock.ms += 30_001;
    assert.equal(await attempt("root", goodPassword), "too_many_attempts");
    clock.ms += 30_001;
    assert.equal(await attempt("root", goodPassword), "accepted");
    assert.equal(await attempt("root", "wrong"), "sign_in_failed");
  });

  test("an administrator unlocks a name at once", async () => {
    clock.ms += 3_600_001;
    for (let time = 0; time < 5; time++) await codeOf(login(openBrowser(server), "ada", "wrong"));
    assert.equal(await codeOf(login(openBrowser(server), "ada")), "too_many_attempts");
    const { users } = await root.call("GET /api/users", { query: { q: "ada@" } });
    await root.call("POST /api/users/{user_id}/unlock", { params: { user_id: users[0]?.id ?? "" } });
    assert.equal(await codeOf(login(openBrowser(server), "ada")), "accepted");
  });

  test("an address that fails under many names waits as a whole, and one's own account does not clear it", async () => {
    clock.ms += 3_600_001;
    const attempts: string[] = [];
    for (let time = 0; time < 34; time++) {
      attempts.push(await codeOf(login(openBrowser(server), `name-${time}`, "wrong")));
      if (time % 10 === 0) attempts.push(await codeOf(login(openBrowser(server), "ada")));
    }
    assert.equal(attempts.filter((code) => code === "sign_in_failed").length, 30);
    assert.equal(attempts.at(-1), "too_many_attempts");
    clock.ms += 3_600_001;
    assert.equal(await codeOf(login(openBrowser(server), "ada")), "accepted");
  });

  test("a password kept in an older form is hashed anew at the next sign-in", async () => {
    const old = await hash(goodPassword, { algorithm: 2, memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await server.database((db) =>
      db.updateTable("users").set({ password_hash: old }).where("username", "=", "ada").execute(),
    );
    await signIn(server, "ada");
    const stored = await server.database((db) =>
      db.selectFrom("users").select("password_hash").where("username", "=", "ada").executeTakeFirst(),
    );
    assert.match(stored?.password_hash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await signIn(server, "ada");
  });
});

describe("registration and invitations", () => {
  let server: TestServer;
  let root: Browser;
  const clock = { ms: Date.now() };
  before(async () => {
    server = await startTestServer({ accounts: true, now: () => clock.ms });
    root = await setUp(server);
  });
  after(() => server.close());
  const wish = { username: "newcomer", email: "new@example.org", password: goodPassword };

  test("registering works only while it is open, with the level that was set", async () => {
    const register = (body = wish) => codeOf(openBrowser(server).call("POST /api/auth/register", { body }));
    assert.equal(await register(), "registration_closed");
    const open = (default_level: string) =>
      codeOf(root.call("PUT /api/auth/registration", { body: { enabled: true, default_level } }));
    assert.equal(await open("nonsense"), "level_not_found");
    assert.equal(await open("viewer"), "accepted");
    const browser = openBrowser(server);
    const { user } = await browser.call("POST /api/auth/register", { body: wish });
    assert.deepEqual(
      user.levels.map(({ name }) => name),
      ["viewer"],
    );
    assert.equal((await browser.call("GET /api/users/me")).username, "newcomer");
    assert.equal(
      await register({ ...wish, email: "other@example.org", username: "NewComer" }),
      "user_exists",
    );
    assert.equal(await register({ ...wish, username: "other", email: "NEW@example.org" }), "user_exists");
    assert.equal(await register({ ...wish, username: "x", email: "x@example.org" }), "validation_error");
  });

  test("an invitation lets its user set a password once, within a week", async () => {
    const make = async (username: string) => {
      const { user, invitation } = await root.call("POST /api/users", {
        body: { username, email: `${username}@example.org` },
      });
      assert.ok(invitation && !user.has_password && user.invite_expires_at);
      assert.equal(invitation.url, `${server.url}/invite#${invitation.token}`);
      return { id: user.id, token: invitation.token };
    };
    const accept = (token: string, password = goodPassword) =>
      codeOf(openBrowser(server).call("POST /api/auth/accept-invite", { body: { token, password } }));
    const guest = await make("guest");
    assert.equal(await codeOf(login(openBrowser(server), "guest", "")), "validation_error");
    assert.equal(await codeOf(login(openBrowser(server), "guest")), "sign_in_failed");
    assert.equal(await accept("nonsense"), "invite_invalid");
    assert.equal(await accept(guest.token, "guest"), "password_unsuitable");
    const both = await Promise.all([accept(guest.token), accept(guest.token, "another lighthouse")]);
    assert.deepEqual(both.sort(), ["accepted", "invite_invalid"]);
    const late = await make("late");
    clock.ms += 7 * 86_400_000 + 1;
    assert.equal(await accept(late.token), "invite_invalid");
    root = await signIn(server, "root");
    const params = { user_id: late.id };
    const first = await root.call("POST /api/users/{user_id}/invite", { params });
    const second = await root.call("POST /api/users/{user_id}/invite", { params });
    assert.equal(await accept(first.token), "invite_invalid");
    assert.equal(await accept(second.token), "accepted");
  });
});
