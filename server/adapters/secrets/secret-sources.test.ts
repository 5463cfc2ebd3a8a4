import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { readConfig } from "../../config.ts";
import type { AwsSecretConfig } from "../../config/secrets.ts";
import { outboundHttp } from "../outbound/undici/outbound-http.ts";
import { awsSecrets } from "./aws/aws-secrets.ts";
import { cachedSource } from "./cached-source.ts";
import { secretSourceConformance, type SourceUnderTest } from "./conformance.ts";
import { environmentSecrets } from "./environment/environment-secrets.ts";
import { secretFile } from "./file/secret-file.ts";
import { startAwsEmulator } from "./testing/aws-emulator.ts";
import { startMoto } from "./testing/moto.ts";
import { startVaultEmulator } from "./testing/vault-emulator.ts";
import { vaultSecrets } from "./vault/vault-secrets.ts";

const outbound = () => outboundHttp(readConfig({}).outbound, { retries: 0, failuresToOpen: 99 });

secretSourceConformance(
  "the environment",
  async () => {
    const env: NodeJS.ProcessEnv = {};
    return {
      source: environmentSecrets(env),
      async put(document) {
        for (const name of Object.keys(env)) delete env[name];
        Object.assign(env, document);
      },
      close: async () => undefined,
    };
  },
  { canFail: false },
);

for (const name of ["secrets.json", "secrets.yaml", "secrets.yml"])
  secretSourceConformance(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "secret file "));
    const path = join(folder, name);
    return {
      source: secretFile(folder),
      put: (document) =>
        document === null
          ? rm(path, { force: true })
          : writeFile(path, name.endsWith("json") ? JSON.stringify(document) : stringify(document), {
              mode: 0o600,
            }),
      spoil: () => writeFile(path, 'HF_TOKEN: "a-very-secret-value\n- {'),
      close: () => rm(folder, { recursive: true }),
    };
  });

/** A source behind a cache that keeps nothing, as the product asks it. */
const cached = (under: SourceUnderTest): SourceUnderTest => ({
  ...under,
  source: cachedSource(under.source, { freshMs: 0, staleMs: 0, retryMs: 0 }),
});

function awsConfig(
  endpoint: string,
  credentials = { accessKeyId: "testing", secretAccessKey: "testing" },
): AwsSecretConfig {
  return { secret: "prod/simpletuner", region: "us-east-1", endpoint, credentials };
}

secretSourceConformance("AWS Secrets Manager", async () => {
  const aws = await startAwsEmulator();
  const http = outbound();
  return cached({
    source: awsSecrets(awsConfig(aws.url, aws.account), http.service()),
    async put(document) {
      if (document === null) aws.secrets.delete("prod/simpletuner");
      else aws.secrets.set("prod/simpletuner", { text: JSON.stringify(document) });
    },
    spoil: async () => void aws.faults.push("AccessDeniedException"),
    async close() {
      await http.close();
      await aws.close();
    },
  });
});

for (const version of ["1", "2"])
  secretSourceConformance(`Vault, version ${version} of its store`, async () => {
    const vault = await startVaultEmulator();
    const http = outbound();
    const store: Map<string, Record<string, unknown>> = version === "1" ? vault.v1 : (vault.v2 as never);
    const config = {
      address: vault.url,
      namespace: null,
      mount: version === "1" ? "kv" : "secret",
      path: "team/simpletuner",
      login: { method: "token", token: vault.issue() } as const,
    };
    return cached({
      source: vaultSecrets(config, http.service()),
      async put(document) {
        if (document === null) store.delete(config.path);
        else store.set(config.path, document);
      },
      spoil: async () => void (vault.state.sealed = true),
      async close() {
        await http.close();
        await vault.close();
      },
    });
  });

const moto = startMoto();
secretSourceConformance(
  "moto's Secrets Manager",
  async () => {
    const { url, put, reset } = await moto.site();
    const http = outbound();
    return cached({
      source: awsSecrets(awsConfig(url), http.service()),
      put,
      async close() {
        await reset();
        await http.close();
      },
    });
  },
  { skip: moto.skip, canFail: false },
);
