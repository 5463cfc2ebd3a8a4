import { constants } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Entry, ZipFile } from "yauzl";
import { fromRandomAccessReaderPromise } from "yauzl";
import { archiveEntryPath } from "./archive-entry-path.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { readProblem } from "./dataset-roots.ts";
import { explainDiskFull } from "./disk-full.ts";
import { closeFile, errorCode, openFile, openFileStats, readAt, writeAt } from "./file-calls.ts";

/** How much an archive may unpack to. */
export interface ExtractLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** What to unpack, and where to. */
export interface ExtractOptions {
  readonly archivePath: string;
  /** Must not exist, or be an empty folder; its parent exists. */
  readonly targetDir: string;
  readonly limits: ExtractLimits;
  readonly signal?: AbortSignal;
  /** Called at most four times a second, and at the end. */
  readonly onProgress?: (progress: ExtractProgress) => void;
}

/** How far unpacking is; how many bytes there will be is not known before the end. */
export interface ExtractProgress {
  readonly entries_done: number;
  readonly entries_total: number;
  readonly bytes_done: number;
}

/** What was unpacked. */
export interface ExtractSummary {
  readonly files: number;
  readonly bytes: number;
}

interface Unpacking {
  readonly options: ExtractOptions;
  readonly fd: number;
  readonly zip: ZipFile;
  readonly folder: string;
  /** Folders that exist, relative with a trailing `/`. */
  readonly madeFolders: Set<string>;
  /** Read buffers that no entry uses at the moment; their number bounds the entries in work. */
  readonly freeBuffers: Buffer[];
  promisedBytes: number;
  entries: number;
  files: number;
  bytes: number;
  reportedAt: number;
}

const bufferBytes = 1 << 20;
const entriesAtOnce = 4;
const reportEveryMs = 250;

/**
 * Unpacks an archive. `targetDir` appears complete or not at all: everything goes to `<targetDir>.partial` first. Throws
 * `archive_invalid` for damage, checksums that differ and names or kinds of entries that could write elsewhere,
 * `archive_too_large` beyond the limits, `disk_full`, and the signal's reason.
 */
export async function extractArchive(options: ExtractOptions): Promise<ExtractSummary> {
  const { archivePath, targetDir, signal } = options;
  const folder = `${targetDir}.partial`;
  signal?.throwIfAborted();
  const fd = await openFile(archivePath, constants.O_RDONLY).catch((error: unknown) => {
    throw invalid(archivePath, `it cannot be opened (${readProblem(error)})`, error);
  });
  try {
    const zip = await openZip(fd, archivePath);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: 0o700 });
    const freeBuffers = Array.from({ length: entriesAtOnce }, () => Buffer.allocUnsafeSlow(bufferBytes));
    const counts = { promisedBytes: 0, entries: 0, files: 0, bytes: 0, reportedAt: 0 };
    const unpacking: Unpacking = { options, fd, zip, folder, madeFolders: new Set(), freeBuffers, ...counts };
    await extractEntries(unpacking);
    await rename(folder, targetDir);
    report(unpacking, 0);
    return { files: unpacking.files, bytes: unpacking.bytes };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw await explainDiskFull(error, dirname(targetDir));
  } finally {
    await closeFile(fd);
  }
}

async function openZip(fd: number, archivePath: string): Promise<ZipFile> {
  const { size } = await openFileStats(fd);
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true };
  return fromRandomAccessReaderPromise(new ArchiveReader(fd, size), size, options).catch((error: unknown) => {
    throw invalid(archivePath, error instanceof Error ? error.message : "it cannot be read", error);
  });
}

async function extractEntries(unpacking: Unpacking): Promise<void> {
  const { options, zip } = unpacking;
  const { maxEntries } = options.limits;
  if (zip.entryCount > maxEntries)
    throw tooLarge(unpacking, `${zip.entryCount} entries, more than ${maxEntries}`);
  const running = new Set<Promise<void>>();
  try {
    for await (const entry of entriesOf(unpacking)) {
      options.signal?.throwIfAborted();
      const path = archiveEntryPath(entry, options.archivePath);
      unpacking.promisedBytes += entry.uncompressedSize;
      if (unpacking.promisedBytes > options.limits.maxBytes)
        throw tooLarge(unpacking, `more than ${options.limits.maxBytes} bytes`);
      await makeFolders(unpacking, path);
      if (path.endsWith("/")) {
        countEntry(unpacking);
        continue;
      }
      while (running.size >= entriesAtOnce) await Promise.race(running);
      const work: Promise<void> = extractFile(unpacking, entry, path).finally(() => running.delete(work));
      // Whoever awaits `running` sees the failure; until then it must not count as unhandled.
      work.catch(() => {});
      running.add(work);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}

async function* entriesOf(unpacking: Unpacking): AsyncGenerator<Entry, void, undefined> {
  const entries = unpacking.zip.eachEntry();
  for (;;) {
    const next = await entries.next().catch((error: unknown) => {
      throw invalid(
        unpacking.options.archivePath,
        error instanceof Error ? error.message : "its list is damaged",
        error,
      );
    });
    if (next.done === true) return;
    yield next.value;
  }
}

async function makeFolders(unpacking: Unpacking, path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  if (folder === "" || unpacking.madeFolders.has(folder)) return;
  await mkdir(join(unpacking.folder, folder), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw explainName(unpacking, path, error);
  });
  unpacking.madeFolders.add(folder);
}

async function extractFile(unpacking: Unpacking, entry: Entry, path: string): Promise<void> {
  const { options, freeBuffers } = unpacking;
  const buffer = freeBuffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  // Never an existing file: nothing that a former entry made can redirect this one.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = await openFile(join(unpacking.folder, path), flags).catch((error: unknown) => {
    throw explainName(unpacking, path, error);
  });
  try {
    const crc = await copyEntry(unpacking, entry, path, fd, buffer);
    if (crc !== entry.crc32) throw invalid(options.archivePath, `${path} is damaged, its checksum differs`);
  } finally {
    await closeFile(fd);
    freeBuffers.push(buffer);
  }
  unpacking.files += 1;
  countEntry(unpacking);
}

/** Writes an entry's bytes and gives their CRC-32; the sizes are those that the list of entries promised. */
async function copyEntry(
  unpacking: Unpacking,
  entry: Entry,
  path: string,
  fd: number,
  buffer: Buffer,
): Promise<number> {
  let crc = 0;
  let written = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    unpacking.options.signal?.throwIfAborted();
    if (written + bytes.length > entry.uncompressedSize)
      throw invalid(unpacking.options.archivePath, `${path} is longer than it says`);
    crc = crc32(bytes, crc);
    await writeAt(fd, bytes, written);
    written += bytes.length;
    unpacking.bytes += bytes.length;
  };
  const pieces = packedPieces(unpacking, entry, path, buffer);
  if (entry.compressionMethod === 0) {
    for await (const piece of pieces) await write(piece);
  } else if (Math.max(entry.compressedSize, entry.uncompressedSize) <= 64 << 10) {
    for await (const piece of pieces) await write(inflateSmall(unpacking, entry, path, piece));
  } else {
    await inflate(unpacking, path, pieces, write);
  }
  if (written !== entry.uncompressedSize)
    throw invalid(unpacking.options.archivePath, `${path} is shorter than it says`);
  return crc;
}

async function* packedPieces(
  unpacking: Unpacking,
  entry: Entry,
  path: string,
  buffer: Buffer,
): AsyncGenerator<Buffer, void, undefined> {
  const { archivePath } = unpacking.options;
  const start = await unpacking.zip
    .readLocalFileHeaderPromise(entry, { minimal: true })
    .catch((error: unknown) => {
      throw invalid(
        archivePath,
        `${path}: ${error instanceof Error ? error.message : "its header is damaged"}`,
        error,
      );
    });
  for (let at = 0; at < entry.compressedSize;) {
    const piece = buffer.subarray(0, Math.min(buffer.length, entry.compressedSize - at));
    if ((await readAt(unpacking.fd, piece, start.fileDataStart + at)) < piece.length)
      throw invalid(archivePath, `it ends within ${path}`);
    at += piece.length;
    yield piece;
  }
}

function inflateSmall(unpacking: Unpacking, entry: Entry, path: string, packed: Buffer): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  } catch (error) {
    throw invalid(unpacking.options.archivePath, `${path} cannot be inflated`, error);
  }
}

async function inflate(
  unpacking: Unpacking,
  path: string,
  pieces: AsyncIterable<Buffer>,
  write: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  // Copied because the inflater still reads a piece while the next is being fetched.
  const copies = async function* (): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of pieces) yield Buffer.from(piece);
  };
  const take = async (inflated: AsyncIterable<Buffer>): Promise<void> => {
    for await (const bytes of inflated) await write(bytes);
  };
  await pipeline(copies, createInflateRaw({ chunkSize: 256 << 10 }), take).catch((error: unknown) => {
    if (!(errorCode(error)?.startsWith("Z_") ?? false)) throw error;
    throw invalid(unpacking.options.archivePath, `${path} cannot be inflated`, error);
  });
}

function countEntry(unpacking: Unpacking): void {
  unpacking.entries += 1;
  report(unpacking, reportEveryMs);
}

function report(unpacking: Unpacking, afterMs: number): void {
  const now = performance.now();
  if (now - unpacking.reportedAt < afterMs) return;
  unpacking.reportedAt = now;
  const { entries, bytes, zip } = unpacking;
  unpacking.options.onProgress?.({ entries_done: entries, entries_total: zip.entryCount, bytes_done: bytes });
}

/** Names that clash or that this disk cannot keep are the archive's fault. */
function explainName(unpacking: Unpacking, path: string, error: unknown): unknown {
  const code = errorCode(error);
  const { archivePath } = unpacking.options;
  if (code === "EEXIST" || code === "ENOTDIR" || code === "EISDIR")
    return invalid(archivePath, `two entries share the name ${path}`, error);
  if (code === "ENAMETOOLONG" || code === "EINVAL" || code === "EILSEQ")
    return invalid(archivePath, `this disk cannot keep the name ${path}`, error);
  return error;
}

function invalid(path: string, problem: string, cause?: unknown): Error {
  return fail("archive_invalid", { path, problem }, cause);
}

function tooLarge(unpacking: Unpacking, problem: string): Error {
  return fail("archive_too_large", { path: unpacking.options.archivePath, problem });
}
