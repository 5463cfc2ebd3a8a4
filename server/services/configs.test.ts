import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { makeDataset, startTestServer, type TestServer } from "../testing/test-server.ts";

const config = { model_family: "test", max_train_steps: 10 };
let server: TestServer;
let dataloader: Record<string, unknown>[];

before(async () => {
  server = await startTestServer();
  ({ dataloader } = await makeDataset(server.folder));
});
after(() => server.close());

const put = (name: string, body: Record<string, unknown> = {}) =>
  server.call("PUT /api/configs/{name}", {
    params: { name },
    body: { config, dataloader_config: dataloader, ...body },
  });
const get = (name: string) => server.call("GET /api/configs/{name}", { params: { name } });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );

test("what is saved is read back, listed, replaced and deleted", async () => {
  const saved = await put("mine", { config: { "--max_train_steps": 5, model_family: "test" } });
  assert.deepEqual(saved.config, { max_train_steps: 5, model_family: "test" });
  assert.deepEqual(await get("mine"), saved);
  const { configs } = await server.call("GET /api/configs");
  assert.equal(configs.find(({ name }) => name === "mine")?.max_train_steps, 5);
  await server.call("DELETE /api/configs/{name}", { params: { name: "mine" } });
  assert.equal(await codeOf(get("mine")), "config_not_found");
  const left = await readdir(join(server.stateDir, "config"));
  assert.ok(!left.some((name) => name.includes("mine") || name.startsWith(".deleted")), left.join());
});

test("of two who change the same version at once, one is told", async () => {
  const { version } = await put("shared");
  const both = await Promise.all(
    [1, 2].map((seed) => codeOf(put("shared", { config: { ...config, seed }, if_version: version }))),
  );
  assert.deepEqual(both.sort(), ["accepted", "config_exists_changed"]);
  assert.equal(await codeOf(put("shared", { if_version: version })), "config_exists_changed");
  const params = { name: "shared" };
  const list = await server.call("PUT /api/configs/dataloaders/{name}", {
    params,
    body: { datasets: dataloader },
  });
  const lists = await Promise.all(
    ["a", "b"].map((id) =>
      codeOf(
        server.call("PUT /api/configs/dataloaders/{name}", {
          params,
          body: { datasets: [{ ...dataloader[0], id }], if_version: list.version },
        }),
      ),
    ),
  );
  assert.deepEqual(lists.sort(), ["accepted", "config_exists_changed"]);
});

test("a secret is kept on the disk of the server and never answered; sent back hidden, it stays", async () => {
  const saved = await put("secret", {
    config: { ...config, hub_token: "hf_0123456789", nested: [{ api_key: "k" }] },
  });
  assert.equal(saved.config["hub_token"], "********");
  assert.deepEqual(saved.config["nested"], [{ api_key: "********" }]);
  const again = await put("secret", { config: { ...saved.config, seed: 3 } });
  assert.equal(again.config["seed"], 3);
  const kept = JSON.parse(await readFile(join(server.stateDir, "config", "secret", "config.json"), "utf8"));
  assert.deepEqual([kept.hub_token, kept.nested], ["hf_0123456789", [{ api_key: "k" }]]);
});

test("a name is a name: no path, nothing reserved, nothing that would be hidden behind another address", async () => {
  await mkdir(join(server.folder, "outside"), { recursive: true });
  await writeFile(join(server.folder, "outside", "config.json"), "TOP SECRET, not JSON");
  for (const name of ["../../outside", "..", ".", "a/b", ".hidden", "x".repeat(101), "a b", ""]) {
    const submit = await server
      .call("POST /api/cloud/jobs/submit", { body: { config_name_to_load: name } })
      .catch((error: ApiError) => error);
    assert.ok(submit instanceof ApiError && !submit.message.includes("SECRET"), String(submit));
    assert.ok(["config_not_found", "validation_error"].includes(submit.code), `${name}: ${submit.code}`);
    if (name !== "" && !name.startsWith(".")) assert.equal(await codeOf(put(name)), "validation_error", name);
  }
  for (const name of ["cloud", "dataloaders", "validate"])
    assert.equal(await codeOf(put(name)), "config_invalid", name);
});

test("a configuration that somebody broke by hand is told by its path, and hides no other", async () => {
  await put("good");
  for (const [name, text] of Object.entries({ broken: "{", list: "[]", nothing: "null" })) {
    await mkdir(join(server.stateDir, "config", name), { recursive: true });
    await writeFile(join(server.stateDir, "config", name, "config.json"), text);
    const error = await get(name).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ApiError && error.code === "config_invalid", String(error));
    assert.match(error.message, /config\.json/);
  }
  const { configs } = await server.call("GET /api/configs");
  assert.ok(configs.some(({ name }) => name === "good"));
});

test("what cannot train is refused by its field, and validation tells everything at once", async () => {
  const refused = await put("bad", { config: { max_train_steps: "x" } }).catch((error: unknown) => error);
  assert.ok(refused instanceof ApiError);
  assert.match(refused.message, /^config\.max_train_steps/);
  const { valid, problems, warnings } = await server.call("POST /api/configs/validate", {
    body: { config: { max_train_steps: -1, seed: "x" } },
  });
  assert.equal(valid, false);
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["config.max_train_steps", "config.seed"],
  );
  assert.equal(warnings[0]?.field, "dataloader_config");
});

test("who may only create configurations cannot replace one", async () => {
  const author = server.as("author");
  const save = (name: string) =>
    codeOf(
      author("PUT /api/configs/{name}", {
        params: { name },
        body: { config, dataloader_config: dataloader },
      }),
    );
  assert.equal(await save("of-the-author"), "accepted");
  assert.equal(await save("of-the-author"), "permission_denied");
  assert.equal(await save("demo"), "permission_denied");
});
