import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { realpath } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { compressionOf } from "./compression.ts";
import { isWithin, readProblem } from "./dataset-roots.ts";
import { closeFile, errorCode, openFile, openFileStats, readAt } from "./file-calls.ts";
import type { ScannedFile } from "./scan-datasets.ts";
import type { ZipMethod } from "./zip-format.ts";

/** One file of an archive: its name there, its exact size, and the way to its bytes. */
export interface ArchiveEntry {
  /** Relative, `/` between components. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly method: ZipMethod;
  open(): Promise<OpenEntry>;
  /** The CRC-32 of the bytes, where the source knows it or reads them through faster than in pieces. */
  crc32?(signal: AbortSignal | undefined): Promise<number>;
}

/** The bytes of an entry while it is being packed. */
export interface OpenEntry {
  /** Fills `target` from byte `position`; throws when the entry has fewer bytes. */
  read(target: Buffer, position: number): Promise<void>;
  /** Throws when the entry is no longer what was promised; called after the last read. */
  confirm(): Promise<void>;
  close(): Promise<void>;
}

/** An entry whose bytes are at hand. */
export function bytesEntry(
  name: string,
  bytes: Buffer,
  method: ZipMethod = compressionOf(name),
): ArchiveEntry {
  return {
    name,
    sizeBytes: bytes.length,
    method,
    open: async () => ({
      async read(target, position) {
        bytes.copy(target, 0, position);
      },
      async confirm() {},
      async close() {},
    }),
  };
}

/** A file as a scan found it. */
export interface DatasetFile extends ScannedFile {
  readonly datasetId: string;
  /** Real absolute folder of the dataset. */
  readonly root: string;
}

// A file that became a link is not followed, and one that became a pipe does not block; Windows has neither flag.
const readFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * An entry that must still be the file that the scan found. Throws `dataset_changed` saying how it changed, or
 * `dataset_unreadable`.
 */
export function fileEntry(name: string, file: DatasetFile): ArchiveEntry {
  return {
    name,
    sizeBytes: file.sizeBytes,
    method: compressionOf(name),
    async open() {
      const fd = await openFound(file);
      return {
        async read(target, position) {
          const count = await readAt(fd, target, position).catch((error: unknown) => {
            throw explain(file, error);
          });
          if (count < target.length)
            throw changed(file, howItChanged(file, await openFileStats(fd)) ?? "shrank while it was read");
        },
        async confirm() {
          const change = howItChanged(file, await openFileStats(fd));
          if (change !== undefined) throw changed(file, change);
        },
        close: () => closeFile(fd),
      };
    },
  };
}

async function openFound(file: DatasetFile): Promise<number> {
  const path = `${file.root}/${file.path}`;
  try {
    if (!file.isLink) return await openFile(path, readFlags);
    const real = await realpath(path);
    if (!isWithin(file.root, real)) throw changed(file, "now leads out of the dataset folder");
    return await openFile(real, readFlags);
  } catch (error) {
    throw explain(file, error);
  }
}

function howItChanged(file: DatasetFile, now: Stats): string | undefined {
  if (!now.isFile()) return "is no longer a file";
  if (now.size > file.sizeBytes) return `grew from ${file.sizeBytes} to ${now.size} bytes`;
  if (now.size < file.sizeBytes) return `shrank from ${file.sizeBytes} to ${now.size} bytes`;
  return now.mtimeMs === file.mtimeMs ? undefined : "was modified";
}

function explain(file: DatasetFile, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (code === "ENOENT" || code === "ENOTDIR") return changed(file, "was deleted", error);
  if (code === "ELOOP") return changed(file, "became a link", error);
  if (code === "EISDIR") return changed(file, "became a folder", error);
  if (code === "ESPIPE" || code === "ENXIO") return changed(file, "is no longer a file", error);
  if (code === "EMFILE" || code === "ENFILE") return error;
  return fail(
    "dataset_unreadable",
    { dataset_id: file.datasetId, path: `${file.root}/${file.path}`, reason: readProblem(error) },
    error,
  );
}

function changed(file: DatasetFile, how: string, cause?: unknown): Error {
  return fail("dataset_changed", { dataset_id: file.datasetId, change: `${file.path} ${how}` }, cause);
}
