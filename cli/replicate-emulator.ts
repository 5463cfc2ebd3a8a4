import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { CommandFailure } from "./io.ts";
import { packageRoot } from "./package-root.ts";

/** What the emulated Replicate saw and billed. */
export interface EmulatorSeen {
  calls: number;
  /** Ids of the predictions. */
  predictions: string[];
  /** Uploads that nobody deleted. */
  filesLeft: number;
  webhooksTaken: number;
  /** Micro-dollars. */
  billedMicros: number;
}

/** A stand-in for Replicate in a process of its own. */
export interface EmulatorProcess {
  readonly pid: number;
  /** What a server needs to take it for Replicate. */
  readonly environment: Readonly<Record<string, string>>;
  seen(): Promise<EmulatorSeen>;
  stop(): Promise<void>;
  /** Lets it run on after this program. */
  leaveRunning(): void;
}

const startLimitMs = 30_000;

/** Starts Replicate's stand-in on a free port; its trainings take that many seconds. Throws when it does not start. */
export async function startReplicateEmulator(trainSeconds: number): Promise<EmulatorProcess> {
  const program = join(packageRoot(), "dist", "replicate-emulator.js");
  const child = spawn(process.execPath, [program, "--port", "0", "--seconds", String(trainSeconds)], {
    // Ctrl-C reaches this program first, which ends the server before what it depends on.
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const { environment } = (await told(child)) as { environment: Record<string, string> };
  return {
    pid: child.pid ?? 0,
    environment,
    async seen() {
      const answer = told(child);
      child.send("seen");
      return ((await answer) as { seen: EmulatorSeen }).seen;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
    leaveRunning() {
      child.send("keep");
      child.unref();
    },
  };
}

/** The child's next message. */
async function told(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  const silent = AbortSignal.any([signal, AbortSignal.timeout(startLimitMs)]);
  try {
    return await Promise.race([
      once(child, "message", { signal: silent }).then(([message]) => message as unknown),
      once(child, "exit", { signal }).then(() => Promise.reject(new Error("it ended"))),
    ]);
  } catch (error) {
    child.kill("SIGKILL");
    throw new CommandFailure(`The emulated Replicate did not start: ${(error as Error).message}.`);
  } finally {
    over.abort();
  }
}
