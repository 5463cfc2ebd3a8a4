import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, lstat, mkdir, readdir, realpath, rename, rm, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { errorCode } from "./directories.ts";
import { newFileFlags, openFile, type OpenFile } from "./open-file.ts";
import { type Directories, recentDirectories } from "./recent-directories.ts";

/** Freeing the blocks of larger files takes long enough (0.3 s a GiB on ext4) to be done after the answer. */
const slowUnlinkBytes = 64 * 1024 * 1024;

/** While so much more than the reserve is free, small files are taken in without asking the disk each time. */
const roomyBytes = 1024 * 1024 * 1024;
const roomyMs = 250;
const smallBytes = 1024 * 1024;

const flushesAtOnce = 2;
const quickFlushBytes = 4 * 1024 * 1024;

/** In a folder that several machines share, temporary files that nobody wrote to for so long have no writer. */
const forgottenMs = 24 * 3_600_000;

/** Tells this process from an earlier one that had the same process id. */
const processTag = randomBytes(4).toString("hex");

/** The folder that the storage owns, and how it writes there. */
export interface Disk {
  /** Real path of the root. */
  readonly root: string;
  readonly durable: boolean;
  /** Other processes write to it, too: nothing of it is remembered. */
  readonly isShared: boolean;
  readonly clock: () => number;
  /** Those below the root. */
  readonly directories: Directories;
  /** `<root>/.s3/<names…>`; only for names that the storage itself made. */
  own(...names: string[]): string;
  /** A new, empty file for writing; its name tells which process it belongs to. */
  openTemporary(): Promise<{ path: string; file: OpenFile }>;
  /** Resolves when the file's bytes are on the disk; at once where that is not asked for. */
  flush(file: OpenFile, sizeBytes: number): Promise<void>;
  /** Writes a small file of the storage's own as a whole or not at all. */
  replaceFile(path: string, content: string): Promise<void>;
  /**
   * As {@link replaceFile}, for a file that is not there and that nobody reads before its writer is done: a crash may
   * leave a part of it.
   */
  createFile(path: string, content: string): Promise<void>;
  /** Keeps the bytes of a large file reachable in the trash, so that replacing or unlinking it is quick. */
  keepForTrash(path: string, sizeBytes: number): Promise<void>;
  /** Takes a file or folder out of sight in one step. */
  moveToTrash(path: string): Promise<void>;
  /** Frees the trash in the background. */
  emptyTrash(): void;
  /** Throws `disk_full` when `bytes` more would leave less than the kept reserve. */
  checkSpace(bytes: number): Promise<void>;
  /** Removes temporary files of processes that are gone. */
  sweepTemporary(): Promise<void>;
}

/** Prepares `root` (created when missing) and its own folder `.s3`. */
export async function openDisk(options: {
  root: string;
  durable: boolean;
  keepFreeBytes: number;
  clock: () => number;
  isShared?: boolean;
}): Promise<Disk> {
  await mkdir(options.root, { recursive: true });
  const root = await realpath(options.root);
  const own = (...names: string[]): string => join(root, ".s3", ...names);
  for (const names of [[], ["tmp"], ["trash"], ["meta"], ["alt"], ["mpu"]])
    await ensureOwnFolder(own(...names));
  let temporaries = 0;
  const temporaryPath = (): string => own("tmp", `${process.pid}.${processTag}.${temporaries++}`);
  let hasTrash = false;
  const emptyTrash = (): void => {
    if (!hasTrash) return;
    hasTrash = false;
    // A file that resists stays for the next sweep; it holds nothing that anyone can see.
    void clearFolder(own("trash"), () => true).catch(() => undefined);
  };
  return {
    root,
    durable: options.durable,
    isShared: options.isShared ?? false,
    clock: options.clock,
    directories: recentDirectories(root),
    own,
    emptyTrash,
    async openTemporary() {
      const path = temporaryPath();
      return { path, file: await openFile(path, newFileFlags).catch(throwDiskError(root)) };
    },
    flush: flusher(options.durable),
    ...smallFiles(root, options.durable, temporaryPath),
    async keepForTrash(path, sizeBytes) {
      if (sizeBytes < slowUnlinkBytes) return;
      // Where hard links do not exist the replacement is only slower.
      await link(path, own("trash", randomBytes(12).toString("hex"))).catch(() => undefined);
      hasTrash = true;
    },
    async moveToTrash(path) {
      await rename(path, own("trash", randomBytes(12).toString("hex")));
      hasTrash = true;
    },
    checkSpace: spaceCheck(root, options.keepFreeBytes),
    async sweepTemporary() {
      await clearFolder(
        own("tmp"),
        options.isShared ? isForgotten(options.clock) : (name) => !isOwnerAlive(name),
      );
      await clearFolder(own("trash"), () => true);
    },
  };
}

function smallFiles(
  root: string,
  durable: boolean,
  temporaryPath: () => string,
): Pick<Disk, "replaceFile" | "createFile"> {
  const replaceFile: Disk["replaceFile"] = async (path, content) => {
    const temporary = temporaryPath();
    try {
      await writeWhole(temporary, content, durable);
      await renameIntoFolder(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw await diskError(root, error);
    }
  };
  return {
    replaceFile,
    async createFile(path, content) {
      try {
        await writeWhole(path, content, durable);
      } catch (error) {
        // There already, torn by a crash or by a full disk, or its folder is missing.
        if (["EEXIST", "ENOENT"].includes(errorCode(error) ?? "")) return replaceFile(path, content);
        await unlink(path).catch(() => undefined);
        throw await diskError(root, error);
      }
    },
  };
}

/**
 * Flushing a large file takes seconds, in which it holds one of the four threads that all of the process's file access
 * goes through: so only two do at the same time.
 */
function flusher(durable: boolean): Disk["flush"] {
  const lanes: Promise<void>[] = Array.from({ length: flushesAtOnce }, () => Promise.resolve());
  let next = 0;
  return async (file, sizeBytes) => {
    if (!durable) return;
    if (sizeBytes <= quickFlushBytes) return file.datasync();
    const lane = next++ % flushesAtOnce;
    const flushed = (lanes[lane] ?? Promise.resolve()).then(() => file.datasync());
    lanes[lane] = flushed.catch(() => undefined);
    return flushed;
  };
}

function spaceCheck(root: string, keepFreeBytes: number): Disk["checkSpace"] {
  let roomyUntilMs = 0;
  return async (bytes) => {
    const nowMs = performance.now();
    if (bytes <= smallBytes && nowMs < roomyUntilMs) return;
    const free = await freeBytes(root);
    if (free - bytes < keepFreeBytes) throw diskFull(root, free);
    if (free - keepFreeBytes > roomyBytes) roomyUntilMs = nowMs + roomyMs;
  };
}

/** A storage's folder as it is, for reading: nothing is made or removed, and the functions that write throw. */
export async function openDiskForReading(folder: string): Promise<Disk> {
  const root = await realpath(folder);
  const refuse = (): never => {
    throw new Error("This storage was opened for reading.");
  };
  return {
    root,
    durable: false,
    isShared: false,
    clock: Date.now,
    directories: recentDirectories(root),
    own: (...names) => join(root, ".s3", ...names),
    openTemporary: refuse,
    flush: refuse,
    replaceFile: refuse,
    createFile: refuse,
    keepForTrash: refuse,
    moveToTrash: refuse,
    emptyTrash: refuse,
    checkSpace: refuse,
    sweepTemporary: refuse,
  };
}

async function ensureOwnFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  if (!(await lstat(path)).isDirectory()) {
    throw new Error(`${path} is not a folder. Move it away: the storage keeps its own files there.`);
  }
}

async function writeWhole(path: string, content: string, durable: boolean): Promise<void> {
  // Where writes can be made to last by themselves, that spares a call.
  const lastingFlag = durable ? (constants.O_DSYNC ?? 0) : 0;
  const file = await openFile(path, newFileFlags | lastingFlag);
  try {
    await file.write(Buffer.from(content), 0);
    if (durable && lastingFlag === 0) await file.datasync();
  } finally {
    file.closeNow();
  }
}

async function renameIntoFolder(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    await mkdir(join(to, ".."), { recursive: true });
    await rename(from, to);
  }
}

async function clearFolder(
  path: string,
  isGarbage: (name: string, path: string) => boolean | Promise<boolean>,
): Promise<void> {
  for (const name of await readdir(path)) {
    if (await isGarbage(name, join(path, name))) await rm(join(path, name), { force: true, recursive: true });
  }
}

/** Whether nobody has written to a file for a day: of other machines' processes nobody can say whether they live. */
function isForgotten(clock: () => number): (name: string, path: string) => Promise<boolean> {
  return async (_, path) => {
    const stats = await lstat(path).catch(() => null);
    return stats !== null && clock() - stats.mtimeMs > forgottenMs;
  };
}

/** True while the process that made a temporary name may still be writing to it. */
export function isOwnerAlive(name: string): boolean {
  const [owner = "", tag] = name.split(".");
  const pid = Number(owner);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return tag === processTag;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

async function freeBytes(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}

function diskFull(root: string, free: number): Error {
  return fail("disk_full", { path: root, free: `${Math.max(0, Math.floor(free / 1_048_576))} MiB` });
}

/** `disk_full` for a failed write on a disk (or quota) that is full, else the error itself. */
export async function diskError(root: string, error: unknown): Promise<unknown> {
  const code = errorCode(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return diskFull(root, await freeBytes(root).catch(() => 0));
}

/** For `.catch(…)`: rethrows as {@link diskError} says. */
export function throwDiskError(root: string): (error: unknown) => Promise<never> {
  return async (error) => {
    throw await diskError(root, error);
  };
}
