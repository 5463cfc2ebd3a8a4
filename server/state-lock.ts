import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { StartError } from "./config.ts";

/**
 * Lets one server at a time use a state directory; answers the function that gives it free. A lock whose process is
 * gone (kill -9, power cut) is taken over. Throws {@link StartError} naming the process that holds it.
 */
export function lockState(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(path, own, { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readHolder(path);
    if (holder && holder.pid !== process.pid && startOf(holder.pid) === holder.started) {
      throw new StartError(
        `Another server (process ${holder.pid}) already uses ${dirname(path)}. Stop it, or choose another folder with SIMPLETUNER_STATE_DIR.`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new StartError(`The lock ${path} cannot be taken. Another server seems to start at the same time.`);
}

function readHolder(path: string): { pid: number; started: string | null } | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { pid: number; started: string | null };
  } catch {
    // Half-written when its process died, or just removed: nobody holds it.
    return null;
  }
}

/** When a process started, in its system's own form; null when there is no such process. Ids are used again. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; field 22 counts from after it.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    if (process.platform === "linux") return null;
  }
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
  } catch {
    return null;
  }
}
