import { closeSync, constants, existsSync, fsync, open as openFile, readlinkSync } from "node:fs";
import { lstat, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const openDescriptorOf = promisify(openFile);
const syncDescriptor = promisify(fsync);

/**
 * An existing directory that was reached without following a symbolic link. Join names to `path`: on Linux it
 * names the opened directory itself, so nobody can slip a link under it any more; elsewhere it is the checked path.
 */
export interface Directory {
  readonly path: string;
  /** Makes the directory's entries durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Whether an open directory can be named by its number. */
export const hasDescriptorPaths: boolean = process.platform === "linux" && existsSync("/proc/self/fd");

/** Error code of a failed system call, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/**
 * Opens `root/segments…`; null when it is missing or when a file or symbolic link is in the way. `root` must be
 * a real path; the segments must not be dots.
 */
export async function openDirectory(root: string, segments: readonly string[]): Promise<Directory | null> {
  const path = join(root, ...segments);
  if (!hasDescriptorPaths) {
    for (let depth = 0; depth <= segments.length; depth++) {
      if (!(await isDirectory(join(root, ...segments.slice(0, depth))))) return null;
    }
    return pathDirectory(path);
  }
  const opened = await openDescriptor(path, 0);
  if (opened === null) return null;
  // Had a link been followed, the kernel would name another directory here; it asks no disk for the answer.
  if (readlinkSync(opened.path) === path) return opened;
  await opened.close();
  return null;
}

/** Opens the directory `name` inside `parent`, under the same promise. */
export async function openChildDirectory(parent: Directory, name: string): Promise<Directory | null> {
  const path = `${parent.path}/${name}`;
  if (hasDescriptorPaths) return openDescriptor(path, constants.O_NOFOLLOW);
  return (await isDirectory(path)) ? pathDirectory(path) : null;
}

/** As {@link openDirectory}, creating what is missing below `root`; with `durable`, for good. */
export async function makeDirectory(
  root: string,
  segments: readonly string[],
  durable: boolean,
): Promise<Directory | null> {
  const existing = await openDirectory(root, segments);
  if (existing !== null) return existing;
  let current = await openDirectory(root, []);
  for (const name of segments) {
    if (current === null) return null;
    const parent: Directory = current;
    try {
      current = await makeChild(parent, name, durable);
    } finally {
      await parent.close();
    }
  }
  return current;
}

async function makeChild(parent: Directory, name: string, durable: boolean): Promise<Directory | null> {
  try {
    await mkdir(`${parent.path}/${name}`);
    if (durable) await parent.sync();
  } catch (error) {
    const code = errorCode(error);
    // ENOENT: the parent was pruned meanwhile; the caller finds out by the missing child and starts over.
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
  }
  return openChildDirectory(parent, name);
}

async function openDescriptor(path: string, flags: number): Promise<Directory | null> {
  try {
    const descriptor = await openDescriptorOf(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
    return {
      path: `/proc/self/fd/${descriptor}`,
      sync: () => syncDescriptor(descriptor),
      // Closing a directory writes nothing, so it need not go through the thread pool.
      close: async () => closeSync(descriptor),
    };
  } catch (error) {
    if (isBlocked(error)) return null;
    throw error;
  }
}

function pathDirectory(path: string): Directory {
  return {
    path,
    async sync() {
      const handle = await open(path, constants.O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    async close() {},
  };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isBlocked(error)) return false;
    throw error;
  }
}

/** True when a system call failed because nothing is there, or something else than what was asked for. */
export function isBlocked(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENAMETOOLONG";
}
