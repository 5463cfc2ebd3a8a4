import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { type Directory, hasDescriptorPaths, makeDirectory, openDirectory } from "./directories.ts";

/** Directories kept open for the next object in them. */
const keptDirectories = 64;

/** The directories below a root, under the promises of {@link openDirectory}. */
export interface Directories {
  /** Null when it is missing or when a file or symbolic link is in the way. */
  find(segments: readonly string[]): Promise<Directory | null>;
  /** Creates what is missing; with `durable`, for good. Null when something is in the way. */
  make(segments: readonly string[], durable: boolean): Promise<Directory | null>;
  /** Lets go of what nobody uses, so that the file system can be unmounted. */
  closeAll(): void;
}

interface Entry {
  directory: Directory;
  users: number;
  isKept: boolean;
}

/**
 * Opening a directory takes longer than what is done in it, so the last ones stay open. Each use asks the kernel
 * whether it is still the one at its path, which asks no disk. Objects that arrive in one directory at the same time
 * share the flush of its entries.
 */
export function recentDirectories(root: string): Directories {
  if (!hasDescriptorPaths) {
    return {
      find: (segments) => openDirectory(root, segments),
      make: (segments, durable) => makeDirectory(root, segments, durable),
      closeAll: () => undefined,
    };
  }
  const entries = new Map<string, Entry>();
  const drop = (path: string, entry: Entry): void => {
    entries.delete(path);
    entry.isKept = false;
    if (entry.users === 0) void entry.directory.close();
  };
  const keep = (path: string, directory: Directory): Directory => {
    const earlier = entries.get(path);
    if (earlier !== undefined) drop(path, earlier);
    const entry = { directory: { ...directory, sync: sharedSync(directory) }, users: 0, isKept: true };
    entries.set(path, entry);
    const [oldest] = entries.size > keptDirectories ? entries : [];
    if (oldest !== undefined) drop(...oldest);
    return lend(entry);
  };
  const known = (path: string): Directory | null => {
    const entry = entries.get(path);
    if (entry === undefined) return null;
    if (!isAt(entry.directory, path)) {
      drop(path, entry);
      return null;
    }
    // Behind all others, so that the longest unused one goes first.
    entries.delete(path);
    entries.set(path, entry);
    return lend(entry);
  };
  const obtain = async (path: string, open: () => Promise<Directory | null>): Promise<Directory | null> => {
    const remembered = known(path);
    if (remembered !== null) return remembered;
    const opened = await open();
    return opened === null ? null : keep(path, opened);
  };
  return {
    find: (segments) => obtain(join(root, ...segments), () => openDirectory(root, segments)),
    make: (segments, durable) =>
      obtain(join(root, ...segments), () => makeDirectory(root, segments, durable)),
    closeAll() {
      for (const [path, entry] of entries) drop(path, entry);
    },
  };
}

/** Whether the directory that was opened is the one that lies at `path` now. */
function isAt(directory: Directory, path: string): boolean {
  // Of one that was moved, removed or replaced, the kernel tells another path.
  return readlinkSync(directory.path) === path;
}

function lend(entry: Entry): Directory {
  entry.users++;
  const { path, sync } = entry.directory;
  let isReturned = false;
  return {
    path,
    sync,
    async close() {
      if (isReturned) return;
      isReturned = true;
      entry.users--;
      if (entry.users === 0 && !entry.isKept) await entry.directory.close();
    },
  };
}

/** A flush that has begun misses what changes from now on; one that waits to begin covers it for all who wait. */
function sharedSync(directory: Directory): () => Promise<void> {
  let running: Promise<void> | null = null;
  let waiting: Promise<void> | null = null;
  const start = (): Promise<void> => {
    waiting = null;
    const flushed = directory.sync().finally(() => {
      if (running === flushed) running = null;
    });
    running = flushed;
    return flushed;
  };
  return () => {
    if (waiting !== null) return waiting;
    if (running === null) return start();
    waiting = running.then(start, start);
    return waiting;
  };
}
