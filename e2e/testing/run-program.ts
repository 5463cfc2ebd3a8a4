import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the repository. */
export const repository: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A program with what it said so far. */
export interface RunningProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Both output streams together. */
  readonly output: () => string;
  /** Resolves when it ended and its output is complete: the exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** How {@link runProgram} runs. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program in a process group of its own; disposing kills the whole group and waits for its end. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): RunningProgram {
  const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
  });
  return {
    child,
    output: () => output,
    ended,
    [Symbol.asyncDispose]: async () => {
      signalGroup(child, "SIGKILL");
      await ended.catch(() => undefined);
    },
  };
}

/** Sends a signal to the program and all it started in its group; a group that is gone is fine. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Runs a program to its end and answers its output; throws with that output when it fails. */
export async function outputOf(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  await using program = runProgram(command, args, options);
  const code = await program.ended;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${program.output()}`);
  return program.output();
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * The environment of a person's shell: what npm set for the test run itself is taken out, above all the
 * repository's own node_modules/.bin in PATH, while the user's npm settings stay.
 */
export function shellEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(package|lifecycle|command|execpath|node_execpath)|npm_config_(local_prefix|prefix)$|INIT_CWD|NODE_TEST|SIMPLETUNER_)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  const path = (env["PATH"] ?? "")
    .split(":")
    .filter((folder) => !folder.startsWith(join(repository, "node_modules")));
  return { ...env, PATH: path.filter((folder) => !folder.endsWith("node-gyp-bin")).join(":"), ...extra };
}

/** Waits until `read` answers something other than null; throws after `limitMs` or when `program` ends before. */
export async function eventually<T>(
  read: () => Promise<T | null>,
  program: RunningProgram,
  limitMs: number,
): Promise<T> {
  let code: number | NodeJS.Signals | null = null;
  void program.ended.then((ended) => (code = ended));
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await read();
    if (value !== null) return value;
    if (code !== null) throw new Error(`the program ended with ${String(code)}:\n${program.output()}`);
    if (performance.now() > end) throw new Error(`nothing within ${limitMs} ms:\n${program.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The JSON answer of `url`, or null while nobody listens there. */
export async function jsonFrom(url: string): Promise<Record<string, unknown> | null> {
  try {
    return (await (await fetch(url)).json()) as Record<string, unknown>;
  } catch {
    return null;
  }
}
