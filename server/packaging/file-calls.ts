import fs from "node:fs";

/**
 * The few file system calls that packing makes thousands of times, as promises over the callback API: a
 * `FileHandle` costs about twice the time per call, which small captions feel.
 */

/** Opens `path` with numeric `flags` of `fs.constants` and gives the descriptor; new files are private (0600). */
export function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o600, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

/** Reads until `target` is full or the file ends, from byte `position`; gives the number of bytes read. */
export function readAt(fd: number, target: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const readFrom = (offset: number): void => {
      if (offset === target.length) return resolve(offset);
      fs.read(fd, target, offset, target.length - offset, position + offset, (error, count) => {
        if (error !== null) reject(error);
        else if (count === 0) resolve(offset);
        else readFrom(offset + count);
      });
    };
    readFrom(0);
  });
}

/** Writes all of `source` at byte `position`, however many calls the disk needs for it. */
export function writeAt(fd: number, source: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (offset: number): void => {
      if (offset === source.length) return resolve();
      fs.write(fd, source, offset, source.length - offset, position + offset, (error, count) => {
        if (error === null) writeFrom(offset + count);
        else reject(error);
      });
    };
    writeFrom(0);
  });
}

/** Size, times and type of an open file. */
export function openFileStats(fd: number): Promise<fs.Stats> {
  return new Promise((resolve, reject) => {
    fs.fstat(fd, (error, stats) => (error === null ? resolve(stats) : reject(error)));
  });
}

/** Size, times and type of what lies at `path`, a link itself rather than its target. */
export function pathStats(path: string): Promise<fs.Stats> {
  return new Promise((resolve, reject) => {
    fs.lstat(path, (error, stats) => (error === null ? resolve(stats) : reject(error)));
  });
}

/** Asks the disk to keep what was written. */
export function flushToDisk(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Closes a descriptor. */
export function closeFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** The `code` of a system error such as `ENOENT`, or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
