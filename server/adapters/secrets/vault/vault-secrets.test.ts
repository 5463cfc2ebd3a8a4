import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { readConfig } from "../../../config.ts";
import type { VaultConfig, VaultLogin } from "../../../config/secrets.ts";
import { outboundHttp, type OutboundHttp } from "../../outbound/undici/outbound-http.ts";
import { SecretSourceError } from "../secret-source.ts";
import { startVaultEmulator, type VaultEmulator } from "../testing/vault-emulator.ts";
import { vaultSecrets } from "./vault-secrets.ts";

const hourMs = 3_600_000;
const approle: VaultLogin = {
  method: "approle",
  mount: "approle",
  roleId: "role-1",
  secretId: "secret-id-1",
};

describe("secrets in Vault", () => {
  let vault: VaultEmulator;
  let http: OutboundHttp;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = 0;
    vault = await startVaultEmulator(() => nowMs);
    http = outboundHttp(readConfig({}).outbound, { retries: 0, failuresToOpen: 99 });
    vault.v2.set("simpletuner", { HF_TOKEN: "hf_1" });
  });
  afterEach(async () => {
    await http.close();
    await vault.close();
  });

  const open = (login: VaultConfig["login"], more: Partial<VaultConfig> = {}) => {
    const config = {
      address: vault.url,
      namespace: null,
      mount: "secret",
      path: "simpletuner",
      login,
      ...more,
    };
    const source = vaultSecrets(config, http.service(), () => nowMs);
    return { find: async () => (await source.read()).get("HF_TOKEN"), keepUp: async () => source.keepUp?.() };
  };
  const problemOf = async (call: Promise<unknown>): Promise<string> => {
    const error: unknown = await call.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof SecretSourceError, String(error));
    assert.doesNotMatch(`${error.stack}`, /hf_1|hvs\.|secret-id-1|jwt-of/);
    return `${error.isPassing ? "passing" : "lasting"}: ${error.message}`;
  };
  const logins = () => vault.seen.filter((line) => line.endsWith("/login")).length;

  test("is logged in once by AppRole or Kubernetes, and wrong credentials are told", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vault test "));
    const jwtFile = join(folder, "token");
    await writeFile(jwtFile, "jwt-of-the-pod\n");
    const kubernetes: VaultLogin = { method: "kubernetes", mount: "kubernetes", role: "cloud", jwtFile };
    for (const login of [approle, kubernetes]) {
      const before = logins();
      const { find } = open(login);
      assert.deepEqual([await find(), await find()], ["hf_1", "hf_1"]);
      assert.equal(logins(), before + 1, login.method);
    }
    assert.match(
      await problemOf(open({ ...approle, secretId: "other" }).find()),
      /^lasting: Vault refuses the login by approle/,
    );
    await rm(folder, { recursive: true });
    assert.match(await problemOf(open(kubernetes).find()), /^lasting: .*cannot be read \(ENOENT\)/);
    assert.match(await problemOf(open(null).find()), /^lasting: VAULT_ADDR is set, but no way to log in/);
  });

  test("a token is renewed when two thirds of its lease are over, asked for or not", async () => {
    const { find, keepUp } = open(approle);
    await find();
    for (let hour = 1; hour <= 20; hour++) {
      nowMs = hour * hourMs * 0.7;
      if (hour % 2) await keepUp();
      else assert.equal(await find(), "hf_1");
    }
    assert.equal(logins(), 1);
    assert.equal(vault.tokens.size, 1);
  });

  test("at the end of its longest life there is a new login, before the old token dies", async () => {
    const { find } = open(approle);
    vault.state.loginMaxMs = 2 * hourMs;
    for (let minute = 0; minute <= 240; minute += 10) {
      nowMs = minute * 60_000;
      assert.equal(await find(), "hf_1", `minute ${minute}`);
    }
    assert.ok(logins() >= 2 && logins() <= 4, `${logins()} logins`);
    // A renewal in its last second is told as one of 0 seconds, which elsewhere means for ever.
    vault.state.loginMaxMs = hourMs;
    const other = open(approle);
    const fromMs = nowMs;
    for (const afterMs of [0, 0.7 * hourMs, hourMs - 300, hourMs + 1_000]) {
      nowMs = fromMs + afterMs;
      assert.equal(await other.find(), "hf_1");
    }
    assert.ok(!vault.seen.some((line) => line.includes("lookup-self")), "no token was found dead");
  });

  test("a given token is renewed as well; one that cannot be is used to its end", async () => {
    const renewable = open({ method: "token", token: vault.issue({ ttlMs: hourMs }) });
    const fixed = open({ method: "token", token: vault.issue({ ttlMs: 2 * hourMs, renewable: false }) });
    await renewable.find();
    await fixed.find();
    nowMs = 0.8 * hourMs;
    await renewable.keepUp();
    nowMs = 1.5 * hourMs;
    assert.deepEqual([await renewable.find(), await fixed.find()], ["hf_1", "hf_1"]);
    nowMs = 2.1 * hourMs;
    assert.match(await problemOf(fixed.find()), /^lasting: Vault permits/);
  });

  test("a token that was revoked is replaced by a new login; one that may too little is not", async () => {
    const { find } = open(approle);
    await find();
    vault.tokens.clear();
    assert.equal(await find(), "hf_1");
    assert.equal(logins(), 2);
    vault.state.loginPaths = ["secret/data/other"];
    vault.tokens.clear();
    assert.match(await problemOf(find()), /^lasting: Vault permits .*secret\/data\/simpletuner/);
    assert.match(await problemOf(find()), /^lasting/);
    assert.equal(logins(), 3);
  });

  test("a policy for the one path that the store's version needs is enough", async () => {
    vault.v1.set("simpletuner", { HF_TOKEN: "hf_v1" });
    const only = (path: string) => ({ method: "token", token: vault.issue({ paths: [path] }) }) as const;
    assert.equal(await open(only("secret/data/simpletuner")).find(), "hf_1");
    assert.equal(await open(only("kv/simpletuner"), { mount: "kv" }).find(), "hf_v1");
    assert.equal(await open(only("secret/data/absent"), { path: "absent" }).find(), undefined);
  });

  test("a deleted version holds nothing; a namespace is named", async () => {
    vault.v2.set("simpletuner", null);
    const login = { method: "token", token: vault.issue() } as const;
    assert.equal(await open(login).find(), undefined);
    vault.v2.set("simpletuner", { HF_TOKEN: "hf_1" });
    vault.state.namespace = "team-a";
    assert.equal(await open(login, { namespace: "team-a" }).find(), "hf_1");
  });

  test("sealed, a standby, another server's page, nobody there: each is told for what it is", async () => {
    const { find } = open({ method: "token", token: vault.issue() });
    vault.state.sealed = true;
    assert.match(await problemOf(find()), /^passing: Vault is sealed/);
    vault.state.sealed = false;
    vault.state.standby = true;
    assert.match(await problemOf(find()), /^passing: Vault is a standby/);
    vault.state.standby = false;
    vault.state.garbled = true;
    assert.match(await problemOf(find()), /^lasting: What answers at VAULT_ADDR is not Vault/);
    await vault.close();
    assert.match(await problemOf(find()), /^passing: 127\.0\.0\.1:\d+ (cannot be reached|cut)/);
  });
});
