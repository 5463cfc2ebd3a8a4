import { type AwsCredentials, awsCredentialsOf } from "./aws-credentials.ts";
import { StartError } from "./values.ts";

/** Where secrets may lie beside the environment and the file of the state directory (CONTRACT 2.13). */
export interface SecretsConfig {
  /** Null: AWS Secrets Manager is not asked. */
  aws: AwsSecretConfig | null;
  /** VAULT_ADDR; null: not asked. */
  vault: VaultConfig | null;
}

/** How AWS Secrets Manager is asked. */
export interface AwsSecretConfig {
  /** SIMPLETUNER_AWS_SECRET_NAME: name or ARN of the secret. */
  secret: string;
  /** AWS_REGION or AWS_DEFAULT_REGION; null: what the SDK finds. */
  region: string | null;
  /** AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL: another server that speaks its API. */
  endpoint: string | null;
  /** AWS_ACCESS_KEY_ID and its secret; null: what the SDK finds (profile, role of the machine). */
  credentials: AwsCredentials | null;
}

/** How Vault is asked. */
export interface VaultConfig {
  /** VAULT_ADDR without a slash at its end. */
  address: string;
  /** VAULT_NAMESPACE. */
  namespace: string | null;
  /** SIMPLETUNER_VAULT_MOUNT, default `secret`, and SIMPLETUNER_VAULT_PATH, default `simpletuner`. */
  mount: string;
  path: string;
  /** Null: nothing was said; Vault is then told as not usable. */
  login: VaultLogin | null;
}

/** The way to a token; `mount` is where the method is enabled, SIMPLETUNER_VAULT_AUTH_MOUNT. */
export type VaultLogin =
  /** VAULT_TOKEN. */
  | { method: "token"; token: string }
  /** VAULT_ROLE_ID and VAULT_SECRET_ID. */
  | { method: "approle"; mount: string; roleId: string; secretId: string }
  /** VAULT_K8S_ROLE, with the service account's own token, SIMPLETUNER_VAULT_JWT_FILE. */
  | { method: "kubernetes"; mount: string; role: string; jwtFile: string };

/** Reads {@link SecretsConfig}. */
export function secretsOf(env: NodeJS.ProcessEnv): SecretsConfig {
  return { aws: awsOf(env), vault: vaultOf(env) };
}

function awsOf(env: NodeJS.ProcessEnv): AwsSecretConfig | null {
  const secret = env["SIMPLETUNER_AWS_SECRET_NAME"];
  if (!secret) return null;
  return {
    secret,
    region: env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || null,
    endpoint: env["AWS_ENDPOINT_URL_SECRETS_MANAGER"] || env["AWS_ENDPOINT_URL"] || null,
    credentials: awsCredentialsOf(env, "AWS"),
  };
}

function vaultOf(env: NodeJS.ProcessEnv): VaultConfig | null {
  const address = env["VAULT_ADDR"]?.replace(/\/+$/, "");
  if (!address) return null;
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new StartError(`VAULT_ADDR: "${address}" is not an http or https address.`);
  return {
    address,
    namespace: env["VAULT_NAMESPACE"] || null,
    mount: pathOf(env, "SIMPLETUNER_VAULT_MOUNT", "secret"),
    path: pathOf(env, "SIMPLETUNER_VAULT_PATH", "simpletuner"),
    login: loginOf(env),
  };
}

function loginOf(env: NodeJS.ProcessEnv): VaultLogin | null {
  const token = env["VAULT_TOKEN"]?.trim();
  if (token) return { method: "token", token };
  const [roleId, secretId] = [env["VAULT_ROLE_ID"], env["VAULT_SECRET_ID"]];
  if (roleId && secretId)
    return {
      method: "approle",
      mount: pathOf(env, "SIMPLETUNER_VAULT_AUTH_MOUNT", "approle"),
      roleId,
      secretId,
    };
  const role = env["VAULT_K8S_ROLE"];
  if (!role) return null;
  return {
    method: "kubernetes",
    mount: pathOf(env, "SIMPLETUNER_VAULT_AUTH_MOUNT", "kubernetes"),
    role,
    jwtFile: env["SIMPLETUNER_VAULT_JWT_FILE"] || "/var/run/secrets/kubernetes.io/serviceaccount/token",
  };
}

function pathOf(env: NodeJS.ProcessEnv, name: string, fallback: string): string {
  const path = (env[name] || fallback).replaceAll(/^\/+|\/+$/g, "");
  if (/^[\w.-]+(\/[\w.-]+)*$/.test(path) && !path.split("/").some((part) => /^\.+$/.test(part))) return path;
  throw new StartError(`${name}: "${path}" is not a path such as team/simpletuner.`);
}
