import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import {
  databaseServerSkip,
  freePort,
  launchRedis,
  type LaunchedService,
  redisSkip,
} from "../../server/testing/real-services.ts";
import { type ServerProcess, startServerProcess } from "../../server/testing/server-process.ts";
import { freshDatabase } from "../../server/testing/test-database.ts";
import { eventually, killProcessesOf } from "../../server/testing/trainer-scripts.ts";
import { repository } from "./run-program.ts";

const nginxProgram = process.env["TEST_NGINX"] ?? "";

/** Why there are no replicas for tests; false where there can be. */
export const replicaSkip: string | false =
  nginxProgram === "" ? "nginx was not found" : databaseServerSkip("postgres") || redisSkip();

/** One of the servers, which a test may kill and start again at its address. */
export interface ReplicaServer {
  readonly url: string;
  readonly call: ApiClient;
  process: ServerProcess;
  start(): Promise<void>;
}

/** Servers on one PostgreSQL, one Redis and one folder, behind an nginx. */
export interface ReplicaSite {
  readonly folder: string;
  readonly stateDir: string;
  /** Address of nginx. */
  readonly url: string;
  /** Calls through nginx. */
  readonly call: ApiClient;
  readonly servers: readonly ReplicaServer[];
  readonly redis: LaunchedService;
  /** Proves to be the one who set the servers up; `x-api-key`. */
  readonly token: string;
  /** What a server starts with. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** How a {@link ReplicaSite} differs from the usual one. */
interface SiteOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** How many servers. */
  readonly count?: number;
  /** An empty PostgreSQL database to use; without, one is made and dropped. */
  readonly databaseUrl?: string;
}

/** Starts a {@link ReplicaSite}; `trainer` is a script that trains. */
export async function startReplicaSite(
  trainer: (folder: string) => string,
  options: SiteOptions = {},
): Promise<ReplicaSite> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await openSite(trainer, options, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSite(
  trainer: (folder: string) => string,
  { env = {}, count = 3, databaseUrl }: SiteOptions,
  closers: (() => unknown)[],
): Promise<Omit<ReplicaSite, "close">> {
  const folder = await mkdtemp(join(tmpdir(), "replicas-test-"));
  closers.push(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  closers.push(() => killProcessesOf(folder));
  const stateDir = join(folder, "state");
  const database = databaseUrl === undefined ? await freshDatabase("postgres", folder) : null;
  closers.push(() => database?.drop());
  const redis = await launchRedis();
  closers.push(() => redis.end());
  const port = await freePort();
  const script = join(folder, "trainer.sh");
  await writeFile(script, trainer(folder), { mode: 0o755 });
  const whole: NodeJS.ProcessEnv = {
    ...process.env,
    ...(database?.env ?? { SIMPLETUNER_DATABASE_URL: databaseUrl }),
    ...environmentOf({ redis: redis.url, stateDir, script, port }),
    ...env,
  };
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  // All at once: each finds an empty database and an empty folder.
  const servers = await Promise.all(ports.map((each) => startReplica(whole, each, closers)));
  const token = await eventually("the access token", () => tokenOf(servers[0]));
  const headers = { "x-api-key": token };
  const nginx = await startNginx(join(folder, "nginx"), port, ports);
  closers.push(() => {
    // Its workers go with it only when it is asked to stop.
    nginx.kill("SIGTERM");
    return once(nginx, "exit");
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    folder,
    stateDir,
    url,
    call: apiClient(url, headers),
    servers: servers.map((server) => Object.assign(server, { call: apiClient(server.url, headers) })),
    redis,
    token,
    env: whole,
  };
}

function environmentOf(place: { redis: string; stateDir: string; script: string; port: number }) {
  return {
    // All that these tests ask comes through the proxy from one address.
    RATE_LIMIT_CALLS: "0",
    STATE_BACKEND: "redis",
    STATE_BACKEND_URL: place.redis,
    STATE_BACKEND_TIMEOUT: "2",
    SIMPLETUNER_REPLICAS: "true",
    SIMPLETUNER_STATE_DIR: place.stateDir,
    SIMPLETUNER_PUBLIC_URL: `http://train.example.org:${place.port}`,
    SIMPLETUNER_TRAINER_COMMAND: `/bin/sh "${place.script}"`,
    SIMPLETUNER_CANCEL_GRACE_SECONDS: "2",
    SIMPLETUNER_DRAIN_SECONDS: "2",
    SIMPLETUNER_STOP_GRACE_SECONDS: "20",
  };
}

/** The token that a server tells at its start; null before it has. */
export function tokenOf(server: ReplicaServer | undefined): string | null {
  return /access_token=([\w-]+)/.exec(server?.process.log() ?? "")?.[1] ?? null;
}

async function startReplica(
  env: NodeJS.ProcessEnv,
  port: number,
  closers: (() => unknown)[],
): Promise<ReplicaServer> {
  const start = () => startServerProcess({ ...env, SIMPLETUNER_PORT: String(port) });
  const server: ReplicaServer = {
    url: `http://127.0.0.1:${port}`,
    call: apiClient(`http://127.0.0.1:${port}`),
    process: await start(),
    async start() {
      server.process = await start();
    },
  };
  closers.push(() => server.process.kill());
  return server;
}

/** The configuration that `deploy/` has, with this site's addresses. */
async function startNginx(folder: string, port: number, ports: readonly number[]): Promise<ChildProcess> {
  await mkdir(folder);
  const addresses = ports.map((each) => `    server 127.0.0.1:${each} max_fails=1 fail_timeout=2s;`);
  const text = (await readFile(join(repository, "deploy", "nginx.conf"), "utf8"))
    .replace(/( {4}server server-\d:8001 [^\n]*\n)+/, `${addresses.join("\n")}\n`)
    .replace("keepalive_timeout 4s;", "keepalive_timeout 1s;")
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replaceAll("/tmp/nginx", join(folder, "nginx"))
    .replace("worker_processes auto;", "worker_processes 1;\nuser root;\ndaemon off;");
  const path = join(folder, "nginx.conf");
  await writeFile(path, text);
  const nginx = spawn(nginxProgram, ["-p", folder, "-c", path], { stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  nginx.stderr?.on("data", (piece: Buffer) => (told += piece.toString()));
  await eventually("nginx's start", async () => {
    if (nginx.exitCode !== null) throw new Error(`nginx did not start: ${told}`);
    return fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return nginx;
}
