import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import { eventually } from "./trainer-scripts.ts";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A server in a process of its own, which a test may kill. */
export interface ServerProcess {
  readonly url: string;
  readonly call: ApiClient;
  /** What it logged so far. */
  readonly log: () => string;
  /** Its exit code, once it has ended; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** kill -9, as a power cut would. */
  kill(): Promise<void>;
  /** Sends a signal that does not end it. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

/** How a server process that could not start ended. */
export interface FailedStart {
  code: number | null;
  stderr: string;
}

/** Runs the server program until it ends; for starts that must fail. */
export async function runServer(env: NodeJS.ProcessEnv): Promise<FailedStart> {
  const child = launch(env);
  let stderr = "";
  child.stderr?.on("data", (piece: Buffer) => (stderr += piece.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, stderr };
}

/** Starts the server program and resolves once it answers. */
export async function startServerProcess(env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const child = launch({ SIMPLETUNER_LOG_LEVEL: "info", SIMPLETUNER_LOG_FORMAT: "json", ...env });
  let log = "";
  child.stderr?.on("data", (piece: Buffer) => (log += piece.toString()));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const url = await eventually(
    "the server's start",
    () => {
      if (child.exitCode !== null) throw new Error(`the server did not start: ${log}`);
      return /"url":"([^"]+)"[^\n]*"message":"listening"/.exec(log)?.[1] ?? null;
    },
    60_000,
  );
  return {
    url,
    call: apiClient(url),
    log: () => log,
    exited,
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

function launch(env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [program], {
    env: { ...process.env, SIMPLETUNER_PORT: "0", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
}
