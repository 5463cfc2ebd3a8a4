import {
  type BigIntStats,
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncate,
  open,
  read,
  write,
} from "node:fs";

/**
 * A file opened by number. Node's own handles promise the same and cost twice as much to open and close, which is what
 * small objects take their time for. Works on no other file once it is closed.
 */
export class OpenFile {
  #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Resolves with the bytes read into the beginning of `into`, 0 at the file's end. */
  read(into: Uint8Array, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, into, 0, length, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }

  /** Writes all of `bytes`; the system call may stop short, as it does before a disk is full. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.byteLength;) {
      written += await this.#writeSome(bytes, written, position + written);
    }
  }

  #writeSome(bytes: Uint8Array, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#descriptor, bytes, from, bytes.byteLength - from, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }

  /** Resolves when the bytes are on the disk. */
  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.#descriptor, length, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Of an open file, the kernel knows the answer without asking the disk. */
  stats(): BigIntStats {
    return fstatSync(this.#descriptor, { bigint: true });
  }

  /** For what may still have to be written: some file systems send it off now. */
  close(): Promise<void> {
    const descriptor = this.#take();
    return new Promise((resolve, reject) => {
      close(descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** For what was only read, or is small: then it costs less than another thread would. */
  closeNow(): void {
    closeSync(this.#take());
  }

  #take(): number {
    const descriptor = this.#descriptor;
    // The number may be another file's from now on; this one is nobody's.
    this.#descriptor = -1;
    return descriptor;
  }
}

/** Makes a file that must not exist yet, for writing. */
export const newFileFlags: number =
  constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** Opens `path`; symbolic links are followed unless `flags` say otherwise. */
export function openFile(path: string, flags: number): Promise<OpenFile> {
  return new Promise((resolve, reject) => {
    open(path, flags, 0o666, (error, descriptor) =>
      error === null ? resolve(new OpenFile(descriptor)) : reject(error),
    );
  });
}
