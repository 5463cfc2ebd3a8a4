import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createConnection } from "mysql2/promise";
import pg from "pg";

/** A server that a test started and may kill; its data lie in a folder of their own. */
export interface RealService {
  readonly url: string;
  /** kill -9 of all its processes. */
  kill(): Promise<void>;
  /** Starts it again on its data and port, after {@link kill}. */
  start(): Promise<void>;
}

/** A {@link RealService} that is started at the first question and ended with the tests of the file that asked for it. */
export interface ServiceUnderTest {
  /** Why tests that need it are skipped; false where it can be had. */
  readonly skip: string | false;
  get(): Promise<RealService>;
}

/** The kinds of database servers that tests use. */
export type DatabaseServerKind = "postgres" | "mariadb";

const sharedServers = new Map<DatabaseServerKind, Promise<string>>();

/** Why there is no database server of a kind for tests; false where there is one. */
export function databaseServerSkip(kind: DatabaseServerKind): string | false {
  const { name, program } = kind === "postgres" ? postgresRecipe() : mariadbRecipe();
  return given(kind) || program !== null ? false : `${name} was not found`;
}

/**
 * Address of the database server of a kind that all tests of this process share: TEST_POSTGRES_URL or TEST_MARIADB_URL,
 * else one that is started now and ended with the process. Its user may make databases.
 */
export function databaseServer(kind: DatabaseServerKind): Promise<string> {
  const url = given(kind);
  if (url) return Promise.resolve(url);
  let server = sharedServers.get(kind);
  if (!server) {
    server = launch(kind === "postgres" ? postgresRecipe() : mariadbRecipe()).then((started) => {
      started.endWithProcess();
      return started.url;
    });
    sharedServers.set(kind, server);
  }
  return server;
}

function given(kind: DatabaseServerKind): string | undefined {
  return process.env[kind === "postgres" ? "TEST_POSTGRES_URL" : "TEST_MARIADB_URL"] || undefined;
}

interface Recipe {
  name: string;
  /** Null where it is not installed. */
  program: string | null;
  /** Makes the data; called once. */
  prepare?: (folder: string) => void;
  args: (folder: string, port: number) => string[];
  url: (port: number) => string;
  /** Throws until it answers. */
  probe: (port: number) => Promise<void>;
  /** What has to be there once it runs for the first time. */
  furnish?: (port: number) => Promise<void>;
}

/** PostgreSQL, with every setting that trades safety for speed. */
export function realPostgres(): ServiceUnderTest {
  return service(postgresRecipe());
}

function postgresRecipe(): Recipe {
  const initdb = firstOf([
    process.env["TEST_POSTGRES_INITDB"],
    ...[18, 17, 16, 15, 14].map((v) => `/usr/lib/postgresql/${v}/bin/initdb`),
  ]);
  const url = (port: number): string => `postgres://app@127.0.0.1:${port}/postgres`;
  return {
    name: "PostgreSQL",
    program: initdb && join(dirname(initdb), "postgres"),
    prepare: (folder) =>
      run(
        initdb ?? "",
        [
          "-D",
          join(folder, "data"),
          "-U",
          "app",
          "-A",
          "trust",
          "--no-sync",
          "-E",
          "UTF8",
          "--locale=C.UTF-8",
        ],
        folder,
      ),
    args: (folder, port) => {
      const settings = [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "full_page_writes=off",
        "shared_buffers=32MB",
      ];
      const place = ["-D", join(folder, "data"), "-p", String(port), "-k", folder];
      return [...place, ...settings.flatMap((setting) => ["-c", setting])];
    },
    url,
    async probe(port) {
      const client = new pg.Client({ connectionString: url(port) });
      await client.connect();
      await client.end();
    },
  };
}

/** Starts a PostgreSQL as {@link realPostgres} has it. */
export function launchPostgres(): Promise<LaunchedService> {
  return launch(postgresRecipe());
}

/** MariaDB, which speaks MySQL's protocol; with `keeps` it loses nothing when it is killed, and is slower. */
export function realMariadb(keeps = false): ServiceUnderTest {
  return service(mariadbRecipe(keeps));
}

function mariadbRecipe(keeps = false): Recipe {
  const program = firstOf([process.env["TEST_MARIADB"], "/usr/sbin/mariadbd"]);
  const root = async (port: number, sql: string): Promise<void> => {
    const connection = await createConnection({ host: "127.0.0.1", port, user: "root" });
    await connection.query(sql);
    await connection.end();
  };
  return {
    name: "MariaDB",
    program,
    prepare: (folder) =>
      run(
        "mariadb-install-db",
        [
          "--no-defaults",
          `--datadir=${join(folder, "data")}`,
          "--auth-root-authentication-method=normal",
          "--skip-test-db",
          "--innodb-log-file-size=8M",
        ],
        folder,
      ),
    args: (folder, port) => [
      "--no-defaults",
      `--datadir=${join(folder, "data")}`,
      `--socket=${join(folder, "my.sock")}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--tmpdir=${folder}`,
      `--innodb-flush-log-at-trx-commit=${keeps ? 1 : 0}`,
      "--skip-log-bin",
      "--innodb-buffer-pool-size=64M",
      "--innodb-log-file-size=8M",
      "--skip-name-resolve",
      "--character-set-server=utf8mb4",
    ],
    url: (port) => `mysql://root@127.0.0.1:${port}/app`,
    probe: (port) => root(port, "SELECT 1"),
    furnish: (port) => root(port, "CREATE DATABASE app"),
  };
}

/** Redis, with nothing on disk. */
export function realRedis(): ServiceUnderTest {
  return service(redisRecipe());
}

/** A {@link RealService} that whoever launched it ends. */
export type LaunchedService = Awaited<ReturnType<typeof launch>>;

/** Why there is no Redis for tests; false where there is one. */
export function redisSkip(): string | false {
  return redisRecipe().program === null ? "Redis was not found" : false;
}

/** Starts a Redis as {@link realRedis} has it. */
export function launchRedis(): Promise<LaunchedService> {
  return launch(redisRecipe());
}

function redisRecipe(): Recipe {
  return {
    name: "Redis",
    program: firstOf([process.env["TEST_REDIS"], "/usr/bin/redis-server"]),
    args: (folder, port) =>
      `--port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly no --save`.split(" ").concat(""),
    url: (port) => `redis://127.0.0.1:${port}/0`,
    async probe(port) {
      const { Redis } = await import("ioredis");
      const client = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: () => null });
      client.on("error", () => undefined);
      await client.connect();
      client.disconnect();
    },
  };
}

function service(recipe: Recipe): ServiceUnderTest {
  let running: Promise<RealService & { end: () => Promise<void> }> | null = null;
  after(async () => (await running?.catch(() => null))?.end());
  return {
    skip: recipe.program === null ? `${recipe.name} was not found` : false,
    get: () => (running ??= launch(recipe)),
  };
}

async function launch(recipe: Recipe) {
  const folder = mkdtempSync(join(tmpdir(), "simpletuner-service-"));
  const account = unprivileged();
  if (account) chownSync(folder, account.uid, account.gid);
  const port = await freePort();
  recipe.prepare?.(folder);
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(recipe.program ?? "", recipe.args(folder, port), {
      cwd: folder,
      stdio: "ignore",
      env: { PATH: process.env["PATH"], HOME: folder, LC_ALL: "C.UTF-8" },
      ...account,
    });
    await answering(recipe, port, child);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const helpers = childrenOf(child.pid ?? 0);
    child.kill("SIGKILL");
    for (const pid of helpers) killIfThere(pid);
    await gone;
  };
  await start();
  await recipe.furnish?.(port);
  return {
    url: recipe.url(port),
    kill,
    start,
    async end() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
    /** Does not keep this process, and is gone after it. */
    endWithProcess() {
      child.unref();
      process.once("exit", () => {
        child.kill("SIGKILL");
        rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
      });
    },
  };
}

/** Processes that a process has started; Linux only, elsewhere none. */
function childrenOf(pid: number): number[] {
  if (!existsSync("/proc/self/stat")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    // The name before it stands in parentheses and may hold anything.
    return Number(/.*\) \w (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    // It has ended.
    return null;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function answering({ name, probe }: Recipe, port: number, child: ChildProcess): Promise<void> {
  let reason: unknown;
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) break;
    try {
      return await probe(port);
    } catch (error) {
      reason = error;
    }
    await delay(100);
  }
  child.kill("SIGKILL");
  throw new Error(`${name} did not start`, { cause: reason });
}

function run(program: string, args: string[], folder: string): void {
  const { status, stderr } = spawnSync(program, args, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder, LC_ALL: "C.UTF-8" },
    ...unprivileged(),
  });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** Database servers refuse to run as root: `nobody` does. */
function unprivileged(): { uid: number; gid: number } | null {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : null;
}

function firstOf(paths: readonly (string | undefined)[]): string | null {
  return paths.find((path): path is string => path !== undefined && path !== "" && existsSync(path)) ?? null;
}

/** A port of this machine that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
