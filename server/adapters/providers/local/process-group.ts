import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * True while any process of the group lives. One that has ended but was not collected by its parent does not: in a
 * container without an init process that may last for ever.
 */
export async function groupLives(pid: number): Promise<boolean> {
  try {
    process.kill(-pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const members = await livingMembers(pid);
  return members === null || members.length > 0;
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
  if ((await groupLives(pid)) && (await groupBelongsTo(pid, folder))) signalGroup(pid, "SIGKILL");
}

/** True when a process of the group has the run's folder in its arguments or its environment (CONFIG_PATH). */
async function groupBelongsTo(pid: number, folder: string): Promise<boolean> {
  const members = await livingMembers(pid);
  if (members === null) {
    const listed = await run("ps", ["axeww", "-o", "pgid=,command="], { maxBuffer: 64 << 20 });
    return listed.stdout
      .split("\n")
      .some((line) => Number.parseInt(line, 10) === pid && line.includes(folder));
  }
  for (const member of members) {
    for (const file of ["environ", "cmdline"]) {
      const text = await readFile(`/proc/${member}/${file}`, "utf8").catch(() => "");
      if (text.includes(folder)) return true;
    }
  }
  return false;
}

/** Ids of the group's processes that still run, or null on a system without /proc. */
async function livingMembers(pid: number): Promise<string[] | null> {
  const names = await readdir("/proc").catch(() => null);
  if (names === null) return null;
  const members: string[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // The program's name in parentheses may hold spaces; after it come the state, the parent and the group.
    const [state, , group] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (Number(group) === pid && state !== "Z" && state !== "X") members.push(name);
  }
  return members;
}

/** True when process `pid` was started with `word` among its arguments: ids are used again, run folders are not. */
export async function wasStartedWith(pid: number, word: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  if (line !== null) return line.split("\0").includes(word);
  const listed = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => null);
  return listed !== null && listed.stdout.includes(word);
}
