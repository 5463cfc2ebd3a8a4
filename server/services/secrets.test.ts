import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { startVaultEmulator, type VaultEmulator } from "../adapters/secrets/testing/vault-emulator.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

describe("secrets over HTTP", () => {
  let server: TestServer;
  let vault: VaultEmulator;
  before(async () => {
    vault = await startVaultEmulator();
    vault.v2.set("simpletuner", { CLOUD_WEBHOOK_SECRET: "whsec_vault", HF_TOKEN: "hf_vault" });
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: "r8_environment",
        HF_TOKEN: "",
        VAULT_ADDR: vault.url,
        VAULT_TOKEN: vault.issue(),
        SIMPLETUNER_HTTP_TIMEOUT: "2",
      },
    });
  });
  after(async () => {
    await server.close();
    await vault.close();
  });

  const list = () => server.call("GET /api/cloud/secrets");
  const placesOf = async (name: string) => (await list()).secrets.find((each) => each.name === name)?.sources;
  const put = (name: string, value: string) =>
    server.call("PUT /api/cloud/secrets/{secret_name}", { params: { secret_name: name }, body: { value } });
  const remove = (name: string) =>
    server.call("DELETE /api/cloud/secrets/{secret_name}", { params: { secret_name: name } });

  test("each source is asked in its order; the list tells where a secret is and never what", async () => {
    assert.deepEqual(
      [await placesOf("REPLICATE_API_TOKEN"), await placesOf("HF_TOKEN"), await placesOf("PATH")],
      [["environment"], ["vault"], undefined],
    );
    const stored = await put("hf-token", "hf_file");
    assert.deepEqual(
      [stored.name, stored.overridden_by, stored.file_path],
      ["HF_TOKEN", null, join(server.stateDir, "secrets.json")],
    );
    assert.equal((await stat(stored.file_path)).mode & 0o777, 0o600);
    assert.deepEqual(await placesOf("HF_TOKEN"), ["file", "vault"]);
    assert.equal((await put("REPLICATE_API_TOKEN", "r8_file")).overridden_by, "environment");
    const text = JSON.stringify(await list());
    assert.doesNotMatch(text, /r8_|hf_|whsec_/);
    assert.deepEqual(
      (await list()).sources.map(({ id, answers }) => [id, answers]),
      [
        ["environment", true],
        ["file", true],
        ["vault", true],
      ],
    );
    const { events } = { events: await readEvents(server) };
    assert.match(events, /secrets\.changed/);
    assert.doesNotMatch(events, /hf_file|r8_file/);
  });

  test("after a removal it is told where the secret still is", async () => {
    assert.equal((await remove("HF_TOKEN")).still_in, "vault");
    assert.equal((await remove("REPLICATE_API_TOKEN")).still_in, "environment");
    assert.deepEqual(JSON.parse(await readFile(join(server.stateDir, "secrets.json"), "utf8")), {});
  });

  test("names and values that cannot be are refused, and only an administrator gets this far", async () => {
    const refusal = (call: Promise<unknown>) =>
      call.then(
        () => "accepted",
        (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
      );
    assert.equal(await refusal(put("two words", "x")), "validation_error");
    assert.equal(await refusal(put("EMPTY", "")), "validation_error");
    assert.equal(await refusal(server.as("ada")("GET /api/cloud/secrets")), "permission_denied");
  });

  test("a damaged file is told and kept as it is", async () => {
    const path = join(server.stateDir, "secrets.json");
    await writeFile(path, '{"HF_TOKEN": "hf_dam');
    const { sources } = await list();
    assert.match(sources.find(({ id }) => id === "file")?.problem ?? "", /not valid JSON/);
    await assert.rejects(put("HF_TOKEN", "hf_x"), /secret HF_TOKEN was not stored: .*not valid JSON/);
    assert.equal(await readFile(path, "utf8"), '{"HF_TOKEN": "hf_dam');
    await writeFile(path, "{}");
  });
});

async function readEvents(server: TestServer): Promise<string> {
  const stream = await fetch(`${server.url}/api/events/stream?after=0`, {
    headers: { "x-test-user": "local" },
  });
  const reader = stream.body?.getReader();
  let text = "";
  while (!/secrets\.changed[\s\S]*secrets\.changed/.test(text)) {
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    text += new TextDecoder().decode(piece.value);
  }
  await reader?.cancel();
  return text;
}
