import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "./config/values.ts";

/**
 * Lets one server at a time use a state directory, or with `isShared` as many as ask for that; answers the function that gives it free. The lock is one of the
 * operating system's, taken through SQLite, so it ends with its process however that ends and nothing stale can be
 * left. Throws {@link StartError} naming the process that holds it, as the file `<path>.pid` tells it.
 */
export function lockState(path: string, isShared = false): () => void {
  const unlock = tryLock(path, isShared);
  if (unlock !== null) return unlock;
  throw new StartError(
    `Another server (process ${holderOf(path)}) already uses ${dirname(path)}. Stop it, or choose another folder with SIMPLETUNER_STATE_DIR.`,
  );
}

/** The same; null while another process holds it. Throws {@link StartError} when nobody can. */
export function tryLock(path: string, isShared = false): (() => void) | null {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec("PRAGMA journal_mode = MEMORY");
    // A transaction that has read holds off those that want the file for themselves, and nobody else.
    lock.exec(isShared ? "BEGIN; SELECT count(*) FROM sqlite_schema" : "BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    const problem = (error as Error).message;
    if (/locked/.test(problem)) return null;
    throw new StartError(`The lock ${path} cannot be taken (${problem}). Remove it and start again.`, {
      cause: error,
    });
  }
  writeFileSync(pidFile(path), `${process.pid}\n`, { mode: 0o600 });
  return () => lock.close();
}

/** Whether a process holds the lock, without taking it. */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  const lock = new DatabaseSync(path, { timeout: 0, readOnly: true });
  try {
    lock.prepare("PRAGMA schema_version").get();
    return false;
  } catch (error) {
    if (/locked/.test((error as Error).message)) return true;
    throw error;
  } finally {
    lock.close();
  }
}

const pidFile = (path: string): string => `${path}.pid`;

function holderOf(path: string): string {
  try {
    return readFileSync(pidFile(path), "utf8").trim();
  } catch {
    // It has the lock and did not write its id yet.
    return "unknown";
  }
}
