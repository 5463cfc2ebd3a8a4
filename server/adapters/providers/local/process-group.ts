import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** True while any process of the group lives. */
export function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Sends a signal to every process of the group; a group that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Kills what is left of the group that process `pid` led, if a member of it was started for the run in `folder`.
 * A group's number is given out again once it is empty, so a number alone must never be killed.
 */
export async function killRestOfGroup(pid: number, folder: string): Promise<void> {
  if (groupLives(pid) && (await groupBelongsTo(pid, folder))) signalGroup(pid, "SIGKILL");
}

/** True when a process of the group has the run's folder in its arguments or its environment (CONFIG_PATH). */
async function groupBelongsTo(pid: number, folder: string): Promise<boolean> {
  const numbers = await readdir("/proc").catch(() => null);
  if (numbers === null) {
    const listed = await run("ps", ["axeww", "-o", "pgid=,command="], { maxBuffer: 64 << 20 });
    return listed.stdout
      .split("\n")
      .some((line) => Number.parseInt(line, 10) === pid && line.includes(folder));
  }
  for (const number of numbers) {
    if (!/^\d+$/.test(number) || (await groupOf(number)) !== pid) continue;
    for (const file of ["environ", "cmdline"]) {
      const text = await readFile(`/proc/${number}/${file}`, "utf8").catch(() => "");
      if (text.includes(folder)) return true;
    }
  }
  return false;
}

/** The process group of a process on Linux; NaN when the process is gone. */
async function groupOf(number: string): Promise<number> {
  const text = await readFile(`/proc/${number}/stat`, "utf8").catch(() => "");
  // The name in parentheses may hold spaces; after it come the state, the parent and the group.
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[2] ?? Number.NaN);
}

/** True when process `pid` was started with `word` among its arguments: ids are used again, run folders are not. */
export async function wasStartedWith(pid: number, word: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  if (line !== null) return line.split("\0").includes(word);
  const listed = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => null);
  return listed !== null && listed.stdout.includes(word);
}
