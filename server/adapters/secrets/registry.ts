import type { SecretsConfig } from "../../config/secrets.ts";
import type { OutboundService } from "../outbound/outbound-http.ts";
import { awsSecrets } from "./aws/aws-secrets.ts";
import { cachedSource } from "./cached-source.ts";
import { environmentSecrets } from "./environment/environment-secrets.ts";
import { secretFile } from "./file/secret-file.ts";
import type { SecretSource, SecretSources } from "./secret-source.ts";
import { vaultSecrets } from "./vault/vault-secrets.ts";

/** What the sources need. */
export interface OpenSecretsOptions {
  config: SecretsConfig;
  env: NodeJS.ProcessEnv;
  /** Where the file of secrets lies. */
  stateDir: string;
  /** Makes a caller of a service outside, by the name of its circuit breaker. */
  service: (name: string) => OutboundService;
}

/** Opens the sources that the configuration names; nothing is asked yet. */
export function openSecretSources({ config, env, stateDir, service }: OpenSecretsOptions): SecretSources {
  const file = secretFile(stateDir);
  const all: SecretSource[] = [environmentSecrets(env), file];
  if (config.aws) all.push(cachedSource(awsSecrets(config.aws, service("aws-secrets-manager"))));
  if (config.vault) all.push(cachedSource(vaultSecrets(config.vault, service("vault"))));
  return { all, file };
}
