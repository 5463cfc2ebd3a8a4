import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { CommandFailure, type Io } from "./io.ts";
import { packageRoot } from "./package-root.ts";
import { youngHeapFlag } from "./young-heap.ts";

/** A server that this program started. */
export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly stateDir: string;
  /** File that holds the server's own log. */
  readonly logFile: string;
  /** Resolves to a sentence when the server ends without having been asked to. */
  readonly ended: Promise<string>;
  /** Stops it and waits until it is gone: TERM, and KILL when it has not ended in time. */
  stop(): Promise<void>;
  /** Lets it run on after this program. */
  leaveRunning(): void;
}

/** Folder of the server's state: `option`, else SIMPLETUNER_STATE_DIR, else ~/.simpletuner. */
export function stateFolder(option: string | undefined, io: Pick<Io, "env" | "cwd">): string {
  return resolve(io.cwd, option ?? (io.env["SIMPLETUNER_STATE_DIR"] || join(homedir(), ".simpletuner")));
}

const startLimitMs = 60_000;
const stopLimitMs = 20_000;

/** What answers on a port of this machine. */
export type PortOwner = "free" | "our server" | "something else";

/** Asks whoever listens at `baseUrl` whether it is our server. */
export async function portOwner(baseUrl: string): Promise<PortOwner> {
  try {
    const response = await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(3000) });
    const answer = (await response.json()) as { status?: unknown; mode?: unknown } | null;
    return answer?.status === "healthy" && typeof answer.mode === "string" ? "our server" : "something else";
  } catch (error) {
    return refused(error) ? "free" : "something else";
  }
}

/** True when nobody listens: every address of the host refused the connection. */
function refused(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown; errors?: { code?: unknown }[] } };
  return (
    cause?.code === "ECONNREFUSED" || cause?.errors?.every(({ code }) => code === "ECONNREFUSED") === true
  );
}

/**
 * Starts `simpletuner-cloud server` as a child and waits until it listens. Its log goes to
 * `<state>/logs/server.log`. Throws the server's own sentence when it cannot start.
 */
export async function startServerProcess(
  options: { port: number; stateDir: string },
  io: Io,
): Promise<ServerProcess> {
  const logFile = join(options.stateDir, "logs", "server.log");
  const log = openLog(logFile);
  const program = join(packageRoot(), "dist", "cli.js");
  const args = [program, "server", "--port", String(options.port), "--state-dir", options.stateDir];
  const child = spawn(process.execPath, [youngHeapFlag, ...args], {
    // Its own process group: Ctrl-C reaches this program first, which ends the server in order.
    detached: true,
    stdio: ["ignore", log, "pipe", "ipc"],
    env: io.env,
  });
  closeSync(log);
  const complaint = lastErrorText(child);
  const exit = new Promise<string>((ended) => {
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  const stop = (): Promise<void> => stopChild(child, exit);
  const url = await startedUrl(child, exit, complaint, io.interrupted).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    url,
    pid: child.pid ?? 0,
    stateDir: options.stateDir,
    logFile,
    ended: exit.then((how) => `The server stopped (${how}). Its log: ${logFile}`),
    stop,
    leaveRunning: () => {
      child.send("keep", () => {
        child.disconnect();
        child.stderr?.destroy();
        child.unref();
      });
    },
  };
}

function openLog(file: string): number {
  try {
    mkdirSync(join(file, ".."), { recursive: true });
    return openSync(file, "a", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(
      `The state folder cannot be written (${code}: ${file}). Name another one with --state-dir.`,
    );
  }
}

/** Keeps the end of what the server says on its error output, for the sentence of a failed start. */
function lastErrorText(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-4000);
  });
  return () => text.trim();
}

async function startedUrl(
  child: ChildProcess,
  exit: Promise<string>,
  complaint: () => string,
  interrupted: AbortSignal,
): Promise<string> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<string>();
  child.on("message", (message) => {
    const { serverUrl } = message as { serverUrl?: unknown };
    if (typeof serverUrl === "string") settle(serverUrl);
  });
  void exit.then((how) => reject(new CommandFailure(complaint() || `The server could not start (${how}).`)));
  const timer = setTimeout(() => {
    reject(new CommandFailure(`The server did not start within ${startLimitMs / 1000} s. ${complaint()}`));
  }, startLimitMs);
  const abort = (): void => reject(new Error("interrupted"));
  interrupted.addEventListener("abort", abort, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    interrupted.removeEventListener("abort", abort);
  }
}

async function stopChild(child: ChildProcess, exit: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await exit;
  clearTimeout(timer);
}
