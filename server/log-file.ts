import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** After a failure the file is tried again this much later. */
const tryAgainMs = 5_000;

/** Where a log goes and how it is kept. */
export interface LogFileOptions {
  path: string;
  /** A file that would grow over this is put aside; null leaves that to a program such as logrotate. */
  maxBytes: number | null;
  /** Files that were put aside and stay: `<path>.1` is the newest. */
  keep: number;
  /** Told once for each failure that lines are lost, as when the disk is full. */
  onProblem: (sentence: string) => void;
}

/** A file of whole lines, written at once, so that the last one before a crash is there. It never throws after it was opened. */
export function logFile({ path, maxBytes, keep, onProblem }: LogFileOptions) {
  let file: number | null = null;
  let size = 0;
  let retryAt = 0;
  const open = (): void => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    file = openSync(path, "a", 0o600);
    size = fstatSync(file).size;
  };
  const close = (): void => {
    if (file !== null) closeSync(file);
    file = null;
  };
  const putAside = (): void => {
    close();
    rmSync(`${path}.${keep}`, { force: true });
    for (let number = keep - 1; number >= 1; number--)
      renameIfThere(`${path}.${number}`, `${path}.${number + 1}`);
    if (keep > 0) renameIfThere(path, `${path}.1`);
    else rmSync(path, { force: true });
    open();
  };
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      close();
      retryAt = performance.now() + tryAgainMs;
      const { code, message } = error as NodeJS.ErrnoException;
      onProblem(
        `The log file ${path} cannot be written (${code ?? message}); its lines are lost until it can.`,
      );
    }
  };
  open();
  return {
    write(line: string): void {
      if (file === null && performance.now() < retryAt) return;
      attempt(() => {
        if (file === null) open();
        const bytes = Buffer.from(line);
        if (maxBytes !== null && size > 0 && size + bytes.length > maxBytes) putAside();
        // A full disk may take a part: the rest is written, or fails.
        for (let done = 0; done < bytes.length;) done += writeSync(file as unknown as number, bytes, done);
        size += bytes.length;
      });
    },
    /** Opens the file anew: another program has moved it away. */
    reopen(): void {
      retryAt = 0;
      attempt(() => {
        close();
        open();
      });
    },
    close,
  };
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
