import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { type TunnelProgram, tunnelPrograms } from "@simpletuner-cloud/contract/tunnel.ts";
import { databaseOf, type DatabaseServerAddress } from "./config/database.ts";
import { type ExternalStorageConfig, externalStorageOf } from "./config/external-storage.ts";
import { type LogFileConfig, logFileOf, logLevelOf } from "./config/log.ts";
import { type OutboundConfig, outboundOf } from "./config/outbound.ts";
import { type ReplicaConfig, replicasOf } from "./config/replicas.ts";
import { type ReplicateConfig, replicateOf } from "./config/replicate.ts";
import { type StateBackendConfig, stateBackendOf } from "./config/state-backend.ts";
import { type StorageEndpointConfig, storageEndpointOf } from "./config/storage-endpoint.ts";
import { type SecretsConfig, secretsOf } from "./config/secrets.ts";
import { type RateLimitConfig, rateLimitsOf } from "./config/rate-limits.ts";
import { addressRangesOf } from "./config/address-ranges.ts";
import { type TlsConfig, tlsOf } from "./config/tls.ts";
import { type TracesConfig, tracesOf } from "./config/traces.ts";
import { integerOf, oneOf, StartError } from "./config/values.ts";

/** Every setting of the server that is fixed at start, with the environment variable it comes from. */
export interface ServerConfig {
  /** SIMPLETUNER_HOST, default 127.0.0.1. */
  host: string;
  /** SIMPLETUNER_PORT, default 8001. */
  port: number;
  /** SIMPLETUNER_STATE_DIR, default ~/.simpletuner: database, configurations, outputs and job folders. */
  stateDir: string;
  /** SIMPLETUNER_DATABASE_URL: the database of a server that holds the state; null: the SQLite file of the state directory. */
  database: DatabaseServerAddress | null;
  /** SIMPLETUNER_PUBLIC_URL: how others reach this server; default http://host:port. */
  publicUrl: string | null;
  /** SIMPLETUNER_TUNNEL: the program that gives the server an address on the internet from its start on; default none. */
  tunnel: TunnelProgram | null;
  /** SIMPLETUNER_TRAINER_COMMAND: a command line that trains instead of SimpleTuner or the bundled trainer. */
  trainerCommand: string | null;
  /** SIMPLETUNER_LOG_LEVEL: debug, info, warn, error, fatal; default info. */
  logLevel: string;
  /** SIMPLETUNER_LOG_FORMAT: json or text; default json, text on a terminal. */
  logFormat: "json" | "text";
  /** SIMPLETUNER_LOG_FILE: a file that gets every line too, and when it is put aside. */
  logFile: LogFileConfig | null;
  /** SIMPLETUNER_MAX_EVENT_STREAMS: open event streams of all callers together; default 2000. */
  maxEventStreams: number;
  /** SIMPLETUNER_CANCEL_GRACE_SECONDS: between TERM and KILL of a cancelled trainer; default 30 (CONTRACT 3.4). */
  cancelGraceMs: number;
  /** SIMPLETUNER_UPLOAD_DRAIN_SECONDS: so long a job's upload credential outlives a run elsewhere; default 60. */
  uploadDrainMs: number;
  /** SIMPLETUNER_SESSION_CLEANUP_INTERVAL: how often sessions that ran out are removed; default 900 s (CONTRACT 5.2). */
  sessionCleanupMs: number;
  /** SIMPLETUNER_STORAGE_KEEP_FREE_MIB: outputs are refused when less would stay free on this machine; default 2048. */
  storageKeepFreeBytes: number;
  /** SIMPLETUNER_STORAGE_URL: the external bucket that outputs go to; null keeps them below the state directory. */
  externalStorage: ExternalStorageConfig | null;
  storageEndpoint: StorageEndpointConfig;
  /** SIMPLETUNER_BACKUP_DIR: where backups are written; null: the folder `backups` of the state directory. */
  backupFolder: string | null;
  /** SIMPLETUNER_BACKUP_URL: an external bucket that each backup is copied to. */
  backupBucket: ExternalStorageConfig | null;
  /** SIMPLETUNER_JOB_RETENTION_DAYS: jobs that ended earlier go into archives; default 90, 0 (null) keeps all (CONTRACT 5.2). */
  jobRetentionDays: number | null;
  /** SIMPLETUNER_AUDIT_RETENTION_DAYS: entries that are older go into archives; default 90, 0 (null) keeps all (CONTRACT 5.2). */
  auditRetentionDays: number | null;
  /** SIMPLETUNER_STAGING_URL: the external bucket that providers fetch large archives from; null without. */
  stagingBucket: ExternalStorageConfig | null;
  /** SIMPLETUNER_TRUSTED_PROXIES: addresses and ranges whose forwarding headers are believed; default loopback. */
  trustedProxies: readonly string[];
  /** Null: plain HTTP. */
  tls: TlsConfig | null;
  /** How this server reaches services on the network. */
  outbound: OutboundConfig;
  replicate: ReplicateConfig;
  stateBackend: StateBackendConfig;
  replicas: ReplicaConfig;
  rateLimits: RateLimitConfig;
  secrets: SecretsConfig;
  /** Null: nothing is traced. */
  traceCollector: TracesConfig | null;
}

/** Reads the configuration from the environment; throws {@link StartError} naming a variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv): ServerConfig {
  const stateDir = env["SIMPLETUNER_STATE_DIR"] ?? join(homedir(), ".simpletuner");
  const publicUrl = publicUrlOf(env["SIMPLETUNER_PUBLIC_URL"]);
  const database = databaseOf(env);
  const stateBackend = stateBackendOf(env);
  return {
    host: env["SIMPLETUNER_HOST"] ?? "127.0.0.1",
    port: integerOf(env, "SIMPLETUNER_PORT", 8001, 0, 65_535),
    stateDir: isAbsolute(stateDir) ? stateDir : resolve(stateDir),
    database,
    publicUrl,
    tunnel: tunnelOf(env),
    trainerCommand: env["SIMPLETUNER_TRAINER_COMMAND"] || null,
    logLevel: logLevelOf(env),
    logFormat: oneOf(env, "SIMPLETUNER_LOG_FORMAT", ["json", "text"], process.stdout.isTTY ? "text" : "json"),
    logFile: logFileOf(env),
    maxEventStreams: integerOf(env, "SIMPLETUNER_MAX_EVENT_STREAMS", 2_000, 1, 100_000),
    cancelGraceMs: integerOf(env, "SIMPLETUNER_CANCEL_GRACE_SECONDS", 30, 1, 3_600) * 1_000,
    uploadDrainMs: integerOf(env, "SIMPLETUNER_UPLOAD_DRAIN_SECONDS", 60, 0, 86_400) * 1_000,
    sessionCleanupMs: integerOf(env, "SIMPLETUNER_SESSION_CLEANUP_INTERVAL", 900, 1, 86_400) * 1_000,
    storageKeepFreeBytes: integerOf(env, "SIMPLETUNER_STORAGE_KEEP_FREE_MIB", 2_048, 0, 1 << 30) * 2 ** 20,
    storageEndpoint: storageEndpointOf(env, publicUrl),
    externalStorage: externalStorageOf(env, "SIMPLETUNER_STORAGE"),
    backupFolder: env["SIMPLETUNER_BACKUP_DIR"] || null,
    backupBucket: externalStorageOf(env, "SIMPLETUNER_BACKUP"),
    jobRetentionDays: integerOf(env, "SIMPLETUNER_JOB_RETENTION_DAYS", 90, 0, 36_500) || null,
    auditRetentionDays: integerOf(env, "SIMPLETUNER_AUDIT_RETENTION_DAYS", 90, 0, 36_500) || null,
    stagingBucket: externalStorageOf(env, "SIMPLETUNER_STAGING"),
    trustedProxies: addressRangesOf(env, "SIMPLETUNER_TRUSTED_PROXIES", ["127.0.0.0/8", "::1"]),
    tls: tlsOf(env),
    outbound: outboundOf(env),
    replicate: replicateOf(env),
    stateBackend,
    replicas: replicasOf(env, database, stateBackend),
    rateLimits: rateLimitsOf(env),
    secrets: secretsOf(env),
    traceCollector: tracesOf(env),
  };
}

function tunnelOf(env: NodeJS.ProcessEnv): TunnelProgram | null {
  const program = oneOf(env, "SIMPLETUNER_TUNNEL", ["none", ...tunnelPrograms], "none");
  return program === "none" ? null : program;
}

function publicUrlOf(text: string | undefined): string | null {
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new StartError(`SIMPLETUNER_PUBLIC_URL: "${text}" is not an http or https address.`);
  }
  return text.replace(/\/+$/, "");
}
