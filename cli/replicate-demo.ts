import { mkdir, readdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { CommandFailure, type Io } from "./io.ts";
import { type EmulatorProcess, startReplicateEmulator } from "./replicate-emulator.ts";

/** The demo's stand-in for Replicate, and the server's surroundings that lead to it. */
export interface ReplicateDemo {
  readonly emulator: EmulatorProcess;
  readonly stateDir: string;
  /** To start the server with. */
  readonly io: Io;
}

/** Marks a state folder whose jobs never were at the real Replicate. */
const marker = ".replicate-demo";

/**
 * Starts the stand-in for Replicate and prepares a server of its own: with the state of a real one, real runs would be
 * looked for at the stand-in and found lost. Throws for a folder that holds anything else.
 */
export async function openReplicateDemo(
  { stateDir, trainSeconds }: { stateDir: string | undefined; trainSeconds: number },
  io: Io,
): Promise<ReplicateDemo> {
  const folder = resolve(io.cwd, stateDir ?? join(homedir(), ".simpletuner-replicate-demo"));
  await markedFolder(folder);
  const emulator = await startReplicateEmulator(trainSeconds);
  return { emulator, stateDir: folder, io: { ...io, env: environmentOf(io.env, emulator.environment) } };
}

async function markedFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    if (names.length > 0 && !names.includes(marker))
      throw new CommandFailure(
        `${folder} holds something else, and emulated runs must not mix with real ones. Name a new folder with --state-dir.`,
      );
    await writeFile(join(folder, marker), "The jobs in this folder ran at an emulated Replicate.\n");
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(
      `The state folder cannot be written (${(error as NodeJS.ErrnoException).code}: ${folder}). Name another one with --state-dir.`,
    );
  }
}

/** Without what points at the user's own databases, buckets and accounts; this machine is not reached through a proxy. */
function environmentOf(
  env: NodeJS.ProcessEnv,
  emulated: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !/^(SIMPLETUNER|REPLICATE)_/i.test(name));
  const noProxy = [env["NO_PROXY"] || env["no_proxy"], "127.0.0.1"].filter(Boolean).join(",");
  return {
    ...Object.fromEntries(others),
    ...emulated,
    NO_PROXY: noProxy,
    // The server is told of runs at its own address, which is this machine's.
    SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.0/8",
  };
}
