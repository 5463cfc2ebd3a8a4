import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  addUser,
  type Browser,
  codeOf,
  goodPassword,
  keyClient,
  setUp,
  signIn,
} from "../testing/account-clients.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("an API key", () => {
  let server: TestServer;
  let root: Browser;
  let ada: Browser;
  let adaId: string;
  const clock = { ms: Date.now() };
  before(async () => {
    server = await startTestServer({ accounts: true, now: () => clock.ms });
    root = await setUp(server);
    adaId = await addUser(root, "ada");
    ada = await signIn(server, "ada");
  });
  after(() => server.close());
  const make = (by: Pick<Browser, "call">, body: object = {}) =>
    by.call("POST /api/auth/api-keys", { body: { name: "a key", ...body } });

  test("calls as its owner, is shown by its beginning, and dies when it is revoked", async () => {
    const { key, key_info } = await make(ada);
    assert.match(key, /^st_[A-Za-z0-9]{32}$/);
    assert.ok(key.startsWith(key_info.key_prefix) && key_info.key_prefix.length === 11);
    const call = keyClient(server, key);
    assert.equal((await call("GET /api/users/me")).username, "ada");
    assert.equal((await call("GET /api/auth/check")).credential, "api_key");
    const listed = (await ada.call("GET /api/auth/api-keys")).api_keys;
    assert.ok(listed[0]?.last_used_at !== null && !JSON.stringify(listed).includes(key));
    assert.equal(
      await codeOf(root.call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: "none" } })),
      "api_key_not_found",
    );
    await ada.call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: key_info.id } });
    assert.equal(await codeOf(call("GET /api/users/me")), "credential_refused");
  });

  test("holds no more than its scopes and its owner, both as of now", async () => {
    const { key } = await make(ada, { scoped_permissions: ["job.view.own", "config.view"] });
    const call = keyClient(server, key);
    await call("GET /api/cloud/jobs");
    await call("GET /api/configs");
    assert.equal(await codeOf(call("GET /api/queue/stats")), "api_key_scope");
    assert.equal(await codeOf(make({ call })), "api_key_scope");
    const minter = keyClient(server, (await make(ada, { scoped_permissions: ["api.keys.own"] })).key);
    const minted = await make({ call: minter });
    assert.deepEqual(minted.key_info.scoped_permissions, ["api.keys.own"]);
    assert.equal(
      await codeOf(make({ call: minter }, { scoped_permissions: ["job.view.own"] })),
      "grant_beyond_own",
    );
    assert.equal(await codeOf(make(ada, { scoped_permissions: ["job.view.all"] })), "grant_beyond_own");
    assert.equal(await codeOf(make(ada, { scoped_permissions: ["job.*"] })), "grant_beyond_own");
    assert.equal(await codeOf(make(ada, { scoped_permissions: ["job"] })), "validation_error");
    const change = { current_password: goodPassword, new_password: "another lighthouse" };
    assert.equal(await codeOf(call("POST /api/auth/change-password", { body: change })), "api_key_scope");
    assert.equal(await codeOf(call("POST /api/auth/sessions/revoke-others")), "api_key_scope");
    assert.equal((await call("GET /api/users/me")).username, "ada");
    const s3 = keyClient(server, (await make(ada, { scoped_permissions: ["api.access"] })).key);
    assert.equal(await codeOf(s3("POST /api/cloud/storage-keys", { body: { name: "x" } })), "api_key_scope");
    const params = { user_id: adaId };
    await root.call("POST /api/users/{user_id}/permissions", {
      params,
      body: { permission_name: "config.view", granted: false },
    });
    assert.equal(await codeOf(call("GET /api/configs")), "api_key_scope");
    await root.call("DELETE /api/users/{user_id}/permissions/{permission_name}", {
      params: { ...params, permission_name: "config.view" },
    });
    await call("GET /api/configs");
  });

  test("runs out, and is refused while its owner is switched off or may not use the API", async () => {
    const call = keyClient(server, (await make(ada, { expires_days: 1 })).key);
    const params = { user_id: adaId };
    await root.call("DELETE /api/users/{user_id}/levels/{level_name}", {
      params: { ...params, level_name: "researcher" },
    });
    await root.call("POST /api/users/{user_id}/levels", { params, body: { level_name: "viewer" } });
    assert.equal(await codeOf(call("GET /api/cloud/jobs")), "credential_refused");
    await root.call("POST /api/users/{user_id}/levels", { params, body: { level_name: "researcher" } });
    await call("GET /api/cloud/jobs");
    await root.call("POST /api/users/{user_id}/deactivate", { params });
    assert.equal(await codeOf(call("GET /api/cloud/jobs")), "credential_refused");
    await root.call("POST /api/users/{user_id}/activate", { params });
    await call("GET /api/cloud/jobs");
    clock.ms += 86_400_001;
    assert.equal(await codeOf(call("GET /api/cloud/jobs")), "credential_refused");
    ada = await signIn(server, "ada");
    root = await signIn(server, "root");
    const { api_keys } = await root.call("GET /api/auth/api-keys", { query: { all: true } });
    assert.ok(api_keys.some(({ is_active, user_id }) => !is_active && user_id === adaId));
    assert.deepEqual((await root.call("GET /api/auth/api-keys")).api_keys, []);
    const own = await ada.call("GET /api/auth/api-keys", { query: { all: true } });
    assert.ok(own.api_keys.every(({ user_id }) => user_id === adaId));
  });

  test("there are fifty of at most, and an administrator may revoke anybody's", async () => {
    const there = (await ada.call("GET /api/auth/api-keys")).api_keys.length;
    for (let count = there; count < 50; count++) await make(ada);
    assert.equal(await codeOf(make(ada)), "too_many_api_keys");
    const id = (await ada.call("GET /api/auth/api-keys")).api_keys[0]?.id ?? "";
    await root.call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: id } });
    await make(ada);
  });
});
