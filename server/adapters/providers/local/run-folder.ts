import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Files of one run inside the job's folder. */
export function runFolder(jobsFolder: string, jobId: string, runToken: string) {
  const job = join(jobsFolder, jobId);
  const run = join(job, `run-${runToken}`);
  return {
    job,
    run,
    /** Made by the run's own process: whoever makes it, runs; there is never a second one. */
    claim: join(run, "claim"),
    pid: join(run, "pid"),
    exit: join(run, "exit"),
    log: join(run, "stdout.log"),
    config: join(run, "config.json"),
    dataloader: join(run, "multidatabackend.json"),
    data: join(job, "data"),
    output: join(job, "output"),
  };
}
/** See {@link runFolder}. */
export type RunFolder = ReturnType<typeof runFolder>;

/**
 * The process that holds a run. It takes the claim (a folder, made once and for all), writes its process id,
 * runs the trainer with its output in the log, and writes the exit code last. TERM ends the trainer but not this
 * script, so that the exit code is always written. Every file appears whole, by rename.
 */
export const holderScript = `
trap : TERM INT HUP
run=$1; shift
mkdir "$run/claim" 2>/dev/null || exit 0
echo $$ > "$run/pid.new" && mv "$run/pid.new" "$run/pid"
"$@" >> "$run/stdout.log" 2>&1 < /dev/null
code=$?
echo $code > "$run/exit.new" && mv "$run/exit.new" "$run/exit"
`;

/** Writes a file that only this user may read, whole or not at all. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Makes a folder that only this user may enter. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** The whole number in a small file, or null while the file is not there. */
export async function readNumberFile(path: string): Promise<number | null> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  });
  const value = text === null ? Number.NaN : Number.parseInt(text, 10);
  return Number.isInteger(value) ? value : null;
}
