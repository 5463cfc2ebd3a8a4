import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

/** Every setting of the server that is fixed at start, with the environment variable it comes from. */
export interface ServerConfig {
  /** SIMPLETUNER_HOST, default 127.0.0.1. */
  host: string;
  /** SIMPLETUNER_PORT, default 8001. */
  port: number;
  /** SIMPLETUNER_STATE_DIR, default ~/.simpletuner: database, configurations, outputs and job folders. */
  stateDir: string;
  /** SIMPLETUNER_PUBLIC_URL: how others reach this server; default http://host:port. */
  publicUrl: string | null;
  /** SIMPLETUNER_TRAINER_COMMAND: a command line that trains instead of SimpleTuner or the bundled trainer. */
  trainerCommand: string | null;
  /** SIMPLETUNER_LOG_LEVEL: debug, info, warn, error; default info. */
  logLevel: string;
  /** SIMPLETUNER_LOG_FORMAT: json or text; default json, text on a terminal. */
  logFormat: "json" | "text";
  /** SIMPLETUNER_MAX_EVENT_STREAMS: open event streams of all callers together; default 2000. */
  maxEventStreams: number;
  /** SIMPLETUNER_CANCEL_GRACE_SECONDS: between TERM and KILL of a cancelled trainer; default 30 (CONTRACT 3.4). */
  cancelGraceMs: number;
  /** SIMPLETUNER_UPLOAD_DRAIN_SECONDS: so long a job's upload credential outlives a run elsewhere; default 60. */
  uploadDrainMs: number;
  /** SIMPLETUNER_STORAGE_KEEP_FREE_MIB: outputs are refused when less would stay free on this machine; default 2048. */
  storageKeepFreeBytes: number;
  /** SIMPLETUNER_STORAGE_URL: the external bucket that outputs go to; null keeps them below the state directory. */
  externalStorage: ExternalStorageConfig | null;
  /** How this server reaches services on the network. */
  outbound: OutboundConfig;
  replicate: ReplicateConfig;
}

/** Settings of every call to a service outside (CONTRACT 5.2). */
export interface OutboundConfig {
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in capitals or small letters; null without. */
  httpsProxy: string | null;
  httpProxy: string | null;
  noProxy: string | null;
  /** SIMPLETUNER_CA_BUNDLE: certificates in PEM to trust beside those that Node knows. */
  caBundle: string | null;
  /** SIMPLETUNER_SSL_VERIFY, default true. */
  verifyTls: boolean;
  /** SIMPLETUNER_HTTP_TIMEOUT in seconds, default 30: so long a service may be silent. */
  timeoutMs: number;
}

/** The account at Replicate and what runs there. */
export interface ReplicateConfig {
  /** REPLICATE_API_TOKEN; null: not set up. */
  token: string | null;
  /** REPLICATE_BASE_URL without a slash at its end, default Replicate's own. */
  baseUrl: string;
  /** REPLICATE_MODEL: `owner/name` for its newest version, or `owner/name:version`. */
  model: string;
}

/**
 * `s3://bucket/prefix?endpoint=https://host&region=auto&path_style=true`, with its access key from
 * SIMPLETUNER_STORAGE_ACCESS_KEY_ID and SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; without any, what the SDK finds by itself.
 */
export interface ExternalStorageConfig {
  bucket: string;
  /** Without slashes at its ends; may be empty. */
  prefix: string;
  /** Null: Amazon's own. */
  endpoint: string | null;
  /** Default: AWS_REGION, else `auto` with an endpoint and us-east-1 without. */
  region: string;
  /** Default: with an endpoint. */
  pathStyle: boolean;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null;
  /** SIMPLETUNER_STORAGE_DOWNLOADS: `redirect` sends readers to the external bucket; default `proxy`. */
  downloads: "proxy" | "redirect";
}

/** A setting that cannot be used; its message is one sentence for the person who starts the server. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
  }
}

/** Reads the configuration from the environment; throws {@link StartError} naming a variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv): ServerConfig {
  const stateDir = env["SIMPLETUNER_STATE_DIR"] ?? join(homedir(), ".simpletuner");
  return {
    host: env["SIMPLETUNER_HOST"] ?? "127.0.0.1",
    port: integerOf(env, "SIMPLETUNER_PORT", 8001, 0, 65_535),
    stateDir: isAbsolute(stateDir) ? stateDir : resolve(stateDir),
    publicUrl: publicUrlOf(env["SIMPLETUNER_PUBLIC_URL"]),
    trainerCommand: env["SIMPLETUNER_TRAINER_COMMAND"] || null,
    logLevel: oneOf(env, "SIMPLETUNER_LOG_LEVEL", ["debug", "info", "warn", "error"], "info"),
    logFormat: oneOf(env, "SIMPLETUNER_LOG_FORMAT", ["json", "text"], process.stdout.isTTY ? "text" : "json"),
    maxEventStreams: integerOf(env, "SIMPLETUNER_MAX_EVENT_STREAMS", 2_000, 1, 100_000),
    cancelGraceMs: integerOf(env, "SIMPLETUNER_CANCEL_GRACE_SECONDS", 30, 1, 3_600) * 1_000,
    uploadDrainMs: integerOf(env, "SIMPLETUNER_UPLOAD_DRAIN_SECONDS", 60, 0, 86_400) * 1_000,
    storageKeepFreeBytes: integerOf(env, "SIMPLETUNER_STORAGE_KEEP_FREE_MIB", 2_048, 0, 1 << 30) * 2 ** 20,
    externalStorage: externalStorageOf(env),
    outbound: outboundOf(env),
    replicate: replicateOf(env),
  };
}

/** Folders and files of the server below its state directory. */
export function statePaths(stateDir: string) {
  const cloud = join(stateDir, "cloud");
  return {
    database: join(stateDir, "config", "cloud", "jobs.db"),
    configs: join(stateDir, "config"),
    dataloaders: join(stateDir, "config", "cloud", "dataloaders"),
    jobs: join(cloud, "jobs"),
    packages: join(cloud, "packages"),
    lock: join(cloud, "server.lock.db"),
    credentialKey: join(stateDir, "credential.key"),
    outputs: join(stateDir, "cloud_outputs"),
  };
}
/** See {@link statePaths}. */
export type StatePaths = ReturnType<typeof statePaths>;

/** The folder of this package: where samples and the built web UI lie, from source and from a bundle alike. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "simpletuner-cloud")
      return folder;
    const parent = dirname(folder);
    if (parent === folder)
      throw new StartError("The package folder of simpletuner-cloud was not found. Install it again.");
    folder = parent;
  }
}

/** This release's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string })
    .version;
}

function integerOf(
  env: NodeJS.ProcessEnv,
  name: string,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new StartError(`${name}: "${text}" is not a whole number from ${minimum} to ${maximum}.`);
  }
  return value;
}

function oneOf<Value extends string>(
  env: NodeJS.ProcessEnv,
  name: string,
  allowed: readonly Value[],
  fallback: Value,
): Value {
  const text = env[name]?.toLowerCase();
  if (text === undefined || text === "") return fallback;
  const value = allowed.find((candidate) => candidate === text);
  if (value === undefined) throw new StartError(`${name}: "${text}" is not one of ${allowed.join(", ")}.`);
  return value;
}

function externalStorageOf(env: NodeJS.ProcessEnv): ExternalStorageConfig | null {
  const text = env["SIMPLETUNER_STORAGE_URL"];
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  // The text itself is not repeated: somebody may have written the secret key into it.
  if (url?.protocol !== "s3:" || url.hostname === "")
    throw new StartError(
      "SIMPLETUNER_STORAGE_URL: this is not of the form s3://bucket/prefix?endpoint=https://host.",
    );
  if (url.username !== "" || url.password !== "")
    throw new StartError(
      "SIMPLETUNER_STORAGE_URL: take the access key out of it and set SIMPLETUNER_STORAGE_ACCESS_KEY_ID and SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY.",
    );
  const query = url.searchParams;
  for (const name of query.keys())
    if (!["endpoint", "region", "path_style"].includes(name))
      throw new StartError(`SIMPLETUNER_STORAGE_URL: "${name}" is not one of endpoint, region, path_style.`);
  const endpoint = query.get("endpoint");
  if (endpoint !== null && !/^https?:\/\/[^/@?#]+(\/[^@?#]*)?$/.test(endpoint))
    throw new StartError("SIMPLETUNER_STORAGE_URL: its endpoint is not an http or https address.");
  const pathStyle = query.get("path_style") ?? String(endpoint !== null);
  if (pathStyle !== "true" && pathStyle !== "false")
    throw new StartError("SIMPLETUNER_STORAGE_URL: path_style is neither true nor false.");
  const awsRegion = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  return {
    bucket: url.hostname,
    prefix: prefixOf(url),
    endpoint,
    region: query.get("region") ?? (awsRegion || (endpoint === null ? "us-east-1" : "auto")),
    pathStyle: pathStyle === "true",
    credentials: storageCredentialsOf(env),
    downloads: oneOf(env, "SIMPLETUNER_STORAGE_DOWNLOADS", ["proxy", "redirect"], "proxy"),
  };
}

function prefixOf({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname).replaceAll(/^\/+|\/+$/g, "");
  } catch {
    throw new StartError("SIMPLETUNER_STORAGE_URL: its prefix is not valid percent-encoding.");
  }
}

function storageCredentialsOf(env: NodeJS.ProcessEnv): ExternalStorageConfig["credentials"] {
  for (const names of ["SIMPLETUNER_STORAGE", "AWS"]) {
    const accessKeyId = env[`${names}_ACCESS_KEY_ID`];
    const secretAccessKey = env[`${names}_SECRET_ACCESS_KEY`];
    const sessionToken = names === "AWS" ? env["AWS_SESSION_TOKEN"] : undefined;
    if (!accessKeyId && !secretAccessKey) continue;
    if (!accessKeyId || !secretAccessKey)
      throw new StartError(`${names}_ACCESS_KEY_ID and ${names}_SECRET_ACCESS_KEY: set both or neither.`);
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  }
  return null;
}

function outboundOf(env: NodeJS.ProcessEnv): OutboundConfig {
  return {
    httpsProxy: proxyOf(env, "HTTPS_PROXY"),
    httpProxy: proxyOf(env, "HTTP_PROXY"),
    noProxy: env["NO_PROXY"] || env["no_proxy"] || null,
    caBundle: caBundleOf(env["SIMPLETUNER_CA_BUNDLE"]),
    verifyTls: oneOf(env, "SIMPLETUNER_SSL_VERIFY", ["true", "false"], "true") === "true",
    timeoutMs: integerOf(env, "SIMPLETUNER_HTTP_TIMEOUT", 30, 1, 3_600) * 1_000,
  };
}

/** The address is not repeated in the error: it may hold a password. */
function proxyOf(env: NodeJS.ProcessEnv, name: string): string | null {
  const text = env[name] || env[name.toLowerCase()];
  if (!text) return null;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new StartError(`${name}: this is not an address of the form http://host:port.`);
  return text;
}

function caBundleOf(path: string | undefined): string | null {
  if (!path) return null;
  try {
    const text = readFileSync(path, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`SIMPLETUNER_CA_BUNDLE: ${path} cannot be read (${code}).`, { cause: error });
  }
  throw new StartError(`SIMPLETUNER_CA_BUNDLE: ${path} holds no certificate in PEM form.`);
}

function replicateOf(env: NodeJS.ProcessEnv): ReplicateConfig {
  const token = env["REPLICATE_API_TOKEN"]?.trim() || null;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new StartError(
      "REPLICATE_API_TOKEN: it holds a blank or a letter that no token has. Copy it again.",
    );
  const baseUrl = (env["REPLICATE_BASE_URL"] || "https://api.replicate.com/v1").replace(/\/+$/, "");
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
    throw new StartError(`REPLICATE_BASE_URL: "${baseUrl}" is not an http or https address.`);
  const model = env["REPLICATE_MODEL"] || "simpletuner/advanced-trainer-h100";
  if (!/^[\w.-]+\/[\w.-]+(:[0-9a-f]{64})?$/.test(model))
    throw new StartError(`REPLICATE_MODEL: "${model}" is not of the form owner/name or owner/name:version.`);
  return { token, baseUrl, model };
}

function publicUrlOf(text: string | undefined): string | null {
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new StartError(`SIMPLETUNER_PUBLIC_URL: "${text}" is not an http or https address.`);
  }
  return text.replace(/\/+$/, "");
}
