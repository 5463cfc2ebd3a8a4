import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A child process that listens. */
export interface ListeningProcess {
  url: string;
  /** From the spawn to the first answered request. */
  startSeconds: number;
  /** Resident memory now. */
  rssBytes(): number;
  /** Processor time used so far; what a request costs is told by it whatever else the machine does. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

const built = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const source = fileURLToPath(new URL("../server/main.ts", import.meta.url));
const bare = fileURLToPath(new URL("bare-server.ts", import.meta.url));

/** What runs: the build in dist/ where there is one, else the source. */
export function serverProgram(): string[] {
  return existsSync(built) ? [built, "server"] : [source];
}

/** Starts the product's server on a free port; `nodeFlags` may hold profiler switches, `more` further variables. */
export function startServer(
  stateDir: string,
  program: readonly string[],
  nodeFlags: readonly string[] = [],
  more: NodeJS.ProcessEnv = {},
): Promise<ListeningProcess> {
  const env = {
    ...process.env,
    SIMPLETUNER_STATE_DIR: stateDir,
    SIMPLETUNER_PORT: "0",
    SIMPLETUNER_LOG_FORMAT: "json",
    SIMPLETUNER_LOG_LEVEL: "info",
    SIMPLETUNER_TRAINER_COMMAND: "/bin/true",
    ...more,
  };
  return startProgram([...nodeFlags, ...program], env, "/health");
}

/** Starts the bare `node:http` server that the product is compared with. */
export function startBareServer(): Promise<ListeningProcess> {
  return startProgram([bare], process.env, "/?bytes=100");
}

/** Starts a program of Node's that tells its address; waits until it answers `path`, if it has one to ask. */
export async function startProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  path: string | null,
): Promise<ListeningProcess> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "inherit", "pipe"] });
  const url = await urlOf(child);
  if (path !== null) await (await fetch(url + path)).arrayBuffer();
  return {
    url,
    startSeconds: (performance.now() - startedAt) / 1_000,
    rssBytes: () => rssOf(child.pid ?? 0),
    cpuSeconds: () => cpuOf(child.pid ?? 0),
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Both servers tell their address in a JSON line of their log. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      const url = /"url":"([^"]+)"/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** User and system time of `/proc/<pid>/stat`, in ticks of 10 ms. */
function cpuOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
