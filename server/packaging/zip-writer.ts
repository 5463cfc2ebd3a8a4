import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { crc32, createDeflateRaw, deflateRaw, deflateRawSync } from "node:zlib";
import type { ArchiveSink } from "./archive-sinks.ts";
import type { ArchiveEntry } from "./entry-source.ts";
import type { SlabPart } from "./slab-queue.ts";
import { SlabQueue } from "./slab-queue.ts";
import type { Spool } from "./spool.ts";
import { spool } from "./spool.ts";
import type { Zip64Limits, ZipMethod, ZipRecord } from "./zip-format.ts";
import {
  archiveEnd,
  centralRecord,
  deflatedBound,
  formatLimits,
  localHeaderBytes,
  writeLocalHeader,
} from "./zip-format.ts";

/** How an archive is written. */
export interface ZipOptions {
  readonly signal?: AbortSignal;
  /** Called in archive order as bytes of entries are written; `files` counts the entries completed. */
  readonly onWritten?: (files: number, bytes: number, name: string) => void;
  /** Where the list of entries goes when it is long; a name of its own in the temporary folder by default. */
  readonly spoolPath?: string;
  /** Lowered by tests to exercise zip64 on small files. */
  readonly limits?: Zip64Limits;
}

/** What was written. */
export interface ZipSummary {
  readonly bytes: number;
  readonly files: number;
}

/** Files up to this size are read whole, so that their header can be complete before they are written. */
export const wholeFileBytes = 1 << 20;

/** Longer texts are deflated in the thread pool: at some 30 MB/s this many bytes hold the event loop for 0.5 ms. */
const syncDeflateBytes = 16 << 10;
const deflateLevel = { level: 6 } as const;
const deflateAsync = promisify(deflateRaw);

interface Writing {
  readonly sink: ArchiveSink;
  readonly queue: SlabQueue;
  readonly directory: Spool;
  readonly limits: Zip64Limits;
  readonly signal: AbortSignal | undefined;
  files: number;
  readonly wrote: (bytes: number, name: string) => void;
}

/**
 * Writes a zip archive of `entries`, which come in the byte order of their names, to `sink`; equal entries give equal
 * bytes whatever the sink. Holds some 10 MiB however large the files are. The first failure of an entry, of the sink or
 * of the signal is thrown when nothing touches the files any more.
 */
export async function writeZip(
  entries: Iterable<ArchiveEntry> | AsyncIterable<ArchiveEntry>,
  sink: ArchiveSink,
  options: ZipOptions = {},
): Promise<ZipSummary> {
  const queue = new SlabQueue(sink);
  const directory = spool(options.spoolPath ?? join(tmpdir(), `simpletuner-${randomUUID()}.directory`));
  const { signal, onWritten } = options;
  const writing: Writing = {
    sink,
    queue,
    directory,
    limits: options.limits ?? formatLimits,
    signal,
    files: 0,
    wrote: (bytes, name) => onWritten?.(writing.files, bytes, name),
  };
  try {
    for await (const entry of entries) {
      signal?.throwIfAborted();
      if (entry.sizeBytes <= wholeFileBytes) await addWhole(writing, entry);
      else if (methodOf(entry) === "store") await addStored(writing, entry);
      else await addDeflated(writing, entry);
    }
    await queue.drain();
    signal?.throwIfAborted();
    return await addDirectory(writing);
  } catch (error) {
    queue.abandon(error);
    throw error;
  } finally {
    await queue.settle();
    await directory.close();
  }
}

/** One read, one checksum, the header in front: header and file are adjacent in the slab and are written at once. */
async function addWhole(writing: Writing, entry: ArchiveEntry): Promise<void> {
  const name = Buffer.from(entry.name);
  const headerBytes = localHeaderBytes(name.length, entry.sizeBytes, writing.limits);
  const part = await writing.queue.reserve(headerBytes + entry.sizeBytes);
  const fill = async (): Promise<void> => {
    const { buffer } = part.slab;
    const data = buffer.subarray(part.start + headerBytes, part.start + part.length);
    await readWhole(entry, data);
    const crc = crc32(data);
    const packed = methodOf(entry) === "deflate" ? await deflateInto(data) : undefined;
    const packedBytes = packed ?? data.length;
    const record: ZipRecord = {
      name,
      method: packed === undefined ? "store" : "deflate",
      crc,
      packedBytes,
      bytes: data.length,
      position: 0,
    };
    part.length = headerBytes + packedBytes;
    writeLocalHeader(buffer, part.start, record, entry.sizeBytes, writing.limits);
    part.written = (_, position) => recordEntry(writing, { ...record, position }, entry, entry.sizeBytes);
  };
  await writing.queue.fill(part, fill);
}

/** A file longer than a slab, in pieces; its checksum is known at the end and then patched into the header. */
async function addStored(writing: Writing, entry: ArchiveEntry): Promise<void> {
  const { queue, sink, limits } = writing;
  const name = Buffer.from(entry.name);
  const size = entry.sizeBytes;
  // A stream cannot be patched, so the file is read once before for its checksum; both sinks then get equal bytes.
  let crc = sink.patch === undefined ? await crcAhead(writing, entry) : 0;
  let header: ZipRecord = { name, method: "store", crc, packedBytes: size, bytes: size, position: 0 };
  const headerPart = await queue.reserve(localHeaderBytes(name.length, size, limits));
  writeLocalHeader(headerPart.slab.buffer, headerPart.start, header, size, limits);
  headerPart.written = (_, position) => {
    header = { ...header, position };
    crc = 0;
  };
  const source = await entry.open();
  const reads: Promise<void>[] = [];
  try {
    for (let at = 0; at < size;) {
      writing.signal?.throwIfAborted();
      const part = await queue.reserveUpTo(size - at);
      const isLast = at + part.length === size;
      part.written = async (bytes) => {
        crc = crc32(bytes, crc);
        if (isLast) await finishStored(writing, entry, { ...header, crc }, header.crc, bytes.length);
        else writing.wrote(bytes.length, entry.name);
      };
      const from = at;
      const before = [...reads];
      const { done } = await queue.fill(part, async () => {
        await source.read(bufferOf(part), from);
        if (!isLast) return;
        await Promise.all(before);
        await source.confirm();
      });
      reads.push(done);
      at += part.length;
    }
  } finally {
    queue.also(Promise.all(reads).then(() => source.close()));
  }
}

async function finishStored(
  writing: Writing,
  entry: ArchiveEntry,
  record: ZipRecord,
  promisedCrc: number,
  lastBytes: number,
): Promise<void> {
  const { sink, limits } = writing;
  if (sink.patch !== undefined) await sink.patch(headerOf(record, entry.sizeBytes, limits), record.position);
  else if (record.crc !== promisedCrc) throw new Error(`${entry.name} changed between two reads`);
  await recordEntry(writing, record, entry, lastBytes);
}

/** A long text: its packed size is known at the end only, so it is written alone, after everything before it. */
async function addDeflated(writing: Writing, entry: ArchiveEntry): Promise<void> {
  const { queue, sink, limits } = writing;
  await queue.drain();
  const name = Buffer.from(entry.name);
  const most = deflatedBound(entry.sizeBytes);
  const expected =
    sink.patch === undefined ? await measure(writing, entry, "deflate") : { crc: 0, packedBytes: 0 };
  const position = sink.position();
  const base = { name, method: "deflate", bytes: entry.sizeBytes, position } as const;
  await sink.append(headerOf({ ...base, ...expected }, most, limits));
  const packed = await passThrough(
    writing,
    entry,
    "deflate",
    (bytes) => sink.append(bytes),
    (bytes) => writing.wrote(bytes, entry.name),
  );
  const record: ZipRecord = { ...base, ...packed };
  if (sink.patch !== undefined) await sink.patch(headerOf(record, most, limits), position);
  else if (packed.crc !== expected.crc) throw new Error(`${entry.name} changed between two reads`);
  await recordEntry(writing, record, entry, 0);
}

async function addDirectory(writing: Writing): Promise<ZipSummary> {
  const { sink, directory, files, limits } = writing;
  const position = sink.position();
  for await (const piece of directory.read()) {
    writing.signal?.throwIfAborted();
    await sink.append(piece);
  }
  await sink.append(archiveEnd(files, directory.size(), position, limits));
  return { bytes: sink.position(), files };
}

async function recordEntry(
  writing: Writing,
  record: ZipRecord,
  entry: ArchiveEntry,
  lastBytes: number,
): Promise<void> {
  await writing.directory.append(centralRecord(record, writing.limits));
  writing.files += 1;
  writing.wrote(lastBytes, entry.name);
}

async function readWhole(entry: ArchiveEntry, target: Buffer): Promise<void> {
  const source = await entry.open();
  try {
    if (target.length > 0) await source.read(target, 0);
    await source.confirm();
  } finally {
    await source.close();
  }
}

/** Replaces the start of `data` by its deflated form and gives the length of that; undefined where it is no shorter. */
async function deflateInto(data: Buffer): Promise<number | undefined> {
  const packed =
    data.length <= syncDeflateBytes
      ? deflateRawSync(data, deflateLevel)
      : await deflateAsync(data, deflateLevel);
  return packed.length < data.length ? packed.copy(data) : undefined;
}

async function crcAhead(writing: Writing, entry: ArchiveEntry): Promise<number> {
  return entry.crc32 ? entry.crc32(writing.signal) : (await measure(writing, entry, "store")).crc;
}

function measure(
  writing: Writing,
  entry: ArchiveEntry,
  method: ZipMethod,
): Promise<{ crc: number; packedBytes: number }> {
  return passThrough(
    writing,
    entry,
    method,
    async () => {},
    () => {},
  );
}

/** Reads an entry once from start to end in equal pieces, so that deflate gives equal bytes every time. */
async function passThrough(
  writing: Writing,
  entry: ArchiveEntry,
  method: ZipMethod,
  write: (bytes: Buffer) => Promise<void>,
  onRead: (bytes: number) => void,
): Promise<{ crc: number; packedBytes: number }> {
  const source = await entry.open();
  let crc = 0;
  let packedBytes = 0;
  async function* pieces(): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < entry.sizeBytes;) {
      writing.signal?.throwIfAborted();
      const piece = Buffer.allocUnsafe(Math.min(256 << 10, entry.sizeBytes - at));
      await source.read(piece, at);
      crc = crc32(piece, crc);
      at += piece.length;
      onRead(piece.length);
      yield piece;
    }
    await source.confirm();
  }
  const take = async (packed: AsyncIterable<Buffer>): Promise<void> => {
    for await (const bytes of packed) {
      packedBytes += bytes.length;
      await write(bytes);
    }
  };
  try {
    if (method === "store") await take(pieces());
    else await pipeline(pieces, createDeflateRaw({ ...deflateLevel, chunkSize: 256 << 10 }), take);
  } finally {
    await source.close();
  }
  return { crc, packedBytes };
}

function methodOf(entry: ArchiveEntry): ZipMethod {
  return entry.sizeBytes === 0 ? "store" : entry.method;
}

function headerOf(record: ZipRecord, maxBytes: number, limits: Zip64Limits): Buffer {
  const header = Buffer.alloc(localHeaderBytes(record.name.length, maxBytes, limits));
  writeLocalHeader(header, 0, record, maxBytes, limits);
  return header;
}

function bufferOf(part: SlabPart): Buffer {
  return part.slab.buffer.subarray(part.start, part.start + part.length);
}
