import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { permissions } from "@simpletuner-cloud/contract/permissions.ts";
import {
  addUser,
  type Browser,
  codeOf,
  goodPassword,
  openBrowser,
  setUp,
  signIn,
} from "../testing/account-clients.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let root: Browser;
let rootId: string;

before(async () => {
  server = await startTestServer({ accounts: true });
  root = await setUp(server);
  rootId = (await root.call("GET /api/users/me")).id;
});
after(() => server.close());

const of = (user_id: string) => ({ params: { user_id } });
const get = (id: string) => root.call("GET /api/users/{user_id}", of(id));
const patch = (id: string, body: object, by = root) =>
  codeOf(by.call("PATCH /api/users/{user_id}", { ...of(id), body }));
const give = (id: string, level_name: string, by = root) =>
  codeOf(by.call("POST /api/users/{user_id}/levels", { ...of(id), body: { level_name } }));
const take = (id: string, level_name: string, by = root) =>
  codeOf(by.call("DELETE /api/users/{user_id}/levels/{level_name}", { params: { user_id: id, level_name } }));
const override = (id: string, permission_name: string, granted: boolean, by = root) =>
  codeOf(by.call("POST /api/users/{user_id}/permissions", { ...of(id), body: { permission_name, granted } }));
const newLevel = (name: string, permission_names: string[], by = root) =>
  by.call("POST /api/users/levels", { body: { name, permission_names } });

test("users are made, found, changed and deleted; a list counts all that match", async () => {
  for (let place = 0; place < 7; place++) await addUser(root, `page-${place}`);
  const page = await root.call("GET /api/users", { query: { q: "PAGE-", limit: 3, offset: 3 } });
  assert.deepEqual(
    [page.total, page.users.map(({ username }) => username)],
    [7, ["page-3", "page-4", "page-5"]],
  );
  const id = page.users[0]?.id ?? "";
  assert.equal(await codeOf(root.call("POST /api/users/{user_id}/deactivate", of(id))), "accepted");
  assert.equal((await root.call("GET /api/users", { query: { q: "page-" } })).total, 6);
  assert.equal(
    (await root.call("GET /api/users", { query: { q: "page-", include_inactive: true } })).total,
    7,
  );
  assert.equal(await patch(id, { username: "Page-4" }), "user_exists");
  assert.equal(await patch(id, { email: "PAGE-4@example.org" }), "user_exists");
  assert.equal(
    await patch(id, { username: "PAGE-3", display_name: "  Third  ", is_active: true }),
    "accepted",
  );
  const changed = await get(id);
  assert.deepEqual([changed.username, changed.display_name, changed.is_active], ["PAGE-3", "Third", true]);
  await signIn(server, "page-3");
  assert.equal(await codeOf(root.call("DELETE /api/users/{user_id}", of(id))), "accepted");
  assert.equal(await codeOf(get(id)), "user_not_found");
  assert.equal(await codeOf(signIn(server, "page-3")), "sign_in_failed");
  for (const wrong of [
    { username: "a b" },
    { email: "none" },
    { username: "ab" },
    { id: "x" },
    { password_hash: "x" },
  ])
    assert.equal(await patch(rootId, wrong), "validation_error", JSON.stringify(wrong));
});

test("what levels give, single permissions add, and a denial takes away, holds at the next request and is explained", async () => {
  const id = await addUser(root, "ada");
  const ada = await signIn(server, "ada");
  const stats = () => codeOf(ada.call("GET /api/queue/stats"));
  assert.equal(await stats(), "accepted");
  assert.equal(await override(id, "queue.*", false), "accepted");
  assert.equal(await stats(), "permission_denied");
  const { permissions: verdicts, overrides } = await root.call(
    "GET /api/users/{user_id}/permissions",
    of(id),
  );
  assert.deepEqual(
    verdicts.map(({ permission }) => permission),
    [...permissions],
  );
  const why = (permission: string) => verdicts.find((one) => one.permission === permission);
  assert.deepEqual(why("queue.view"), {
    permission: "queue.view",
    allowed: false,
    because: "denied",
    levels: ["researcher"],
  });
  assert.equal(why("job.submit")?.because, "level");
  assert.equal(why("admin.users")?.because, "nothing");
  assert.deepEqual(overrides, [{ permission: "queue.*", granted: false }]);
  await root.call("DELETE /api/users/{user_id}/permissions/{permission_name}", {
    params: { user_id: id, permission_name: "queue.*" },
  });
  assert.equal(await take(id, "researcher"), "accepted");
  assert.equal(await stats(), "permission_denied");
  assert.equal(await override(id, "queue.view", true), "accepted");
  assert.equal(await stats(), "accepted");
  assert.deepEqual((await ada.call("GET /api/users/me")).permissions, ["queue.view"]);
  assert.equal(await override(id, "queue.none", true), "validation_error");
});

test("levels of one's own can be changed and deleted at once for all who hold them; built-in ones cannot", async () => {
  const level = await newLevel("curator", ["config.view", "job.*"]);
  const id = await addUser(root, "carl", ["Curator", "viewer"]);
  const carl = await signIn(server, "carl");
  assert.ok((await carl.call("GET /api/auth/check")).grants.includes("job.submit"));
  const params = { level_id: level.id };
  await root.call("PUT /api/users/levels/{level_id}/permissions", {
    params,
    body: { permission_names: ["queue.view"] },
  });
  await carl.call("GET /api/queue/stats");
  assert.equal(await codeOf(newLevel("CURATOR", [])), "level_exists");
  assert.equal(await codeOf(newLevel("Admin", [])), "level_exists");
  assert.equal(await codeOf(newLevel("odd", ["queue.vie"])), "validation_error");
  const { levels } = await root.call("GET /api/users/meta/levels");
  assert.deepEqual(
    levels.map(({ name, is_system, user_count }) => [name, is_system, name === "curator" ? user_count : 0]),
    [
      ["admin", true, 0],
      ["lead", true, 0],
      ["researcher", true, 0],
      ["curator", false, 1],
      ["viewer", true, 0],
    ],
  );
  for (const level_id of ["viewer", "researcher", "lead", "admin"]) {
    const built = { params: { level_id } };
    const body = { permission_names: ["job.submit"] };
    for (const call of [
      () => root.call("PUT /api/users/levels/{level_id}", { ...built, body }),
      () => root.call("PUT /api/users/levels/{level_id}/permissions", { ...built, body }),
      () => root.call("DELETE /api/users/levels/{level_id}", built),
    ])
      assert.equal(await codeOf(call()), "level_built_in");
  }
  await root.call("DELETE /api/users/levels/{level_id}", { params });
  assert.equal(await codeOf(carl.call("GET /api/queue/stats")), "permission_denied");
  assert.deepEqual(
    (await get(id)).levels.map(({ name }) => name),
    ["viewer"],
  );
});

test("nobody gives what they do not hold, nor touches whoever holds more", async () => {
  await newLevel("helpdesk", ["admin.users", "admin.levels", "job.view.own", "config.view"]);
  await newLevel("empty", []);
  const deskId = await addUser(root, "desk", ["helpdesk"]);
  const desk = await signIn(server, "desk");
  const weakId = await addUser(root, "weak", ["viewer"]);
  const strongId = await addUser(root, "strong", ["lead"]);
  for (const level of ["admin", "lead", "researcher"])
    assert.equal(await give(weakId, level, desk), "grant_beyond_own");
  assert.equal(await give(weakId, "empty", desk), "accepted");
  assert.equal(await take(weakId, "empty", desk), "accepted");
  assert.equal(await override(weakId, "job.submit", true, desk), "grant_beyond_own");
  assert.equal(await override(deskId, "*", true, desk), "grant_beyond_own");
  assert.equal(await override(weakId, "job.view.own", false, desk), "accepted");
  assert.equal(await patch(weakId, { is_admin: true }, desk), "grant_beyond_own");
  assert.equal(await codeOf(newLevel("mine", ["admin.*"], desk)), "grant_beyond_own");
  const create = (body: object) =>
    codeOf(desk.call("POST /api/users", { body: { username: "made", email: "made@example.org", ...body } }));
  assert.equal(await create({}), "grant_beyond_own");
  assert.equal(await create({ is_admin: true, level_names: [] }), "grant_beyond_own");
  assert.equal(await create({ level_names: ["viewer"] }), "accepted");
  for (const id of [rootId, strongId]) {
    const outcomes = await Promise.all([
      patch(id, { password: "another lighthouse" }, desk),
      patch(id, { email: "mine@example.org" }, desk),
      patch(id, { is_active: false }, desk),
      take(id, "lead", desk),
      override(id, "job.view.own", false, desk),
      codeOf(desk.call("POST /api/users/{user_id}/deactivate", of(id))),
      codeOf(desk.call("POST /api/users/{user_id}/invite", of(id))),
      codeOf(desk.call("POST /api/users/{user_id}/unlock", of(id))),
      codeOf(desk.call("DELETE /api/users/{user_id}/sessions", of(id))),
      codeOf(desk.call("DELETE /api/users/{user_id}", of(id))),
    ]);
    assert.deepEqual(new Set(outcomes), new Set(["user_outranks"]));
  }
  assert.equal(
    await codeOf(
      desk.call("PUT /api/auth/registration", { body: { enabled: true, default_level: "admin" } }),
    ),
    "grant_beyond_own",
  );
  const big = await newLevel("big", ["job.submit"]);
  const params = { level_id: big.id };
  for (const call of [
    () => desk.call("PUT /api/users/levels/{level_id}", { params, body: { permission_names: [] } }),
    () => desk.call("DELETE /api/users/levels/{level_id}", { params }),
  ])
    assert.equal(await codeOf(call()), "grant_beyond_own");
});

test("the last administrator stays one, whatever is tried and however many try at once", async () => {
  const alone = await startTestServer({ accounts: true });
  try {
    const first = await setUp(alone);
    const { id: firstId } = await first.call("GET /api/users/me");
    const call = (work: Promise<unknown>) => codeOf(work);
    const deny = (by: Browser, id: string, permission_name: string) =>
      call(
        by.call("POST /api/users/{user_id}/permissions", {
          ...of(id),
          body: { permission_name, granted: false },
        }),
      );
    const demote = (by: Browser, id: string) =>
      call(by.call("PATCH /api/users/{user_id}", { ...of(id), body: { is_admin: false } }));
    assert.equal(await demote(first, firstId), "last_administrator");
    assert.equal(await deny(first, firstId, "admin.users"), "last_administrator");
    assert.equal(await deny(first, firstId, "admin.*"), "last_administrator");
    assert.equal(
      await call(
        first.call("DELETE /api/users/{user_id}/levels/{level_name}", {
          params: { user_id: firstId, level_name: "admin" },
        }),
      ),
      "last_administrator",
    );
    for (const own of [
      () => first.call("POST /api/users/{user_id}/deactivate", of(firstId)),
      () => first.call("DELETE /api/users/{user_id}", of(firstId)),
      () => first.call("PATCH /api/users/{user_id}", { ...of(firstId), body: { is_active: false } }),
    ])
      assert.equal(await call(own()), "own_account");
    // Invited and not yet come: nobody who could help.
    const { user: invited } = await first.call("POST /api/users", {
      body: { username: "later", email: "later@example.org", is_admin: true },
    });
    assert.equal(await demote(first, firstId), "last_administrator");
    await first.call("PATCH /api/users/{user_id}", { ...of(invited.id), body: { password: goodPassword } });
    const second = await signIn(alone, "later");
    const outcomes = await Promise.all([
      demote(first, firstId),
      demote(second, invited.id),
      call(first.call("POST /api/users/{user_id}/deactivate", of(invited.id))),
      call(second.call("POST /api/users/{user_id}/deactivate", of(firstId))),
      call(first.call("DELETE /api/users/{user_id}", of(invited.id))),
      call(second.call("DELETE /api/users/{user_id}", of(firstId))),
    ]);
    const left = [first, second].map(async (browser) => call(browser.call("GET /api/users")));
    assert.ok((await Promise.all(left)).includes("accepted"), outcomes.join());
    assert.ok(outcomes.includes("accepted"), outcomes.join());
  } finally {
    await alone.close();
  }
});

test("what an administrator does to a user ends its sessions", async () => {
  const id = await addUser(root, "busy");
  const kill: [string, () => Promise<unknown>][] = [
    [
      "password",
      () => root.call("PATCH /api/users/{user_id}", { ...of(id), body: { password: goodPassword } }),
    ],
    ["sign out", () => root.call("DELETE /api/users/{user_id}/sessions", of(id))],
    ["deactivate", () => root.call("POST /api/users/{user_id}/deactivate", of(id))],
    ["delete", () => root.call("DELETE /api/users/{user_id}", of(id))],
  ];
  for (const [what, act] of kill) {
    await root.call("POST /api/users/{user_id}/activate", of(id));
    const busy = await signIn(server, "busy");
    await act();
    assert.equal(await codeOf(busy.call("GET /api/auth/me")), "credential_refused", what);
  }
});

test("everybody may look after the own account, viewers too", async () => {
  await addUser(root, "vera", ["viewer"]);
  const vera = await signIn(server, "vera");
  assert.equal((await vera.call("GET /api/auth/me")).username, "vera");
  const profile = await vera.call("PATCH /api/users/me/profile", {
    body: { display_name: "Vera", email: "v@example.org" },
  });
  assert.deepEqual([profile.display_name, profile.email], ["Vera", "v@example.org"]);
  assert.equal(
    await codeOf(vera.call("PATCH /api/users/me/profile", { body: { email: "root@EXAMPLE.org" } })),
    "user_exists",
  );
  await signIn(server, "v@example.org");
  assert.equal(await codeOf(openBrowser(server).call("GET /api/users/me")), "authentication_error");
});
