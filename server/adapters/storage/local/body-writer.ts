import { createHash } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Body } from "../storage.ts";
import type { OpenFile } from "./open-file.ts";

/** One write gathers this much, so that small chunks do not cost a system call each. More is not faster. */
const batchBytes = 128 * 1024;

/** While so many writes run, no more is taken in. */
const writesAtOnce = 2;

/** Buffers kept for the next body; more are made when many bodies come at once. */
const keptBuffers = 32;
const freeBuffers: Buffer<ArrayBuffer>[] = [];

/** Writes `bytes` at `position`, all of them. */
export type WriteAt = (bytes: Uint8Array, position: number) => Promise<void>;

/** What {@link writeBody} found; `md5` in hex, null where it was not needed. */
export interface WrittenBody {
  sizeBytes: number;
  md5: string | null;
}

/**
 * Streams `body` out through `write`, from position `start` on, while the next bytes arrive. Rejects with the first
 * error of either side, with `object_digest_mismatch` when the MD5 (hex) is not the expected one; no write is
 * running any more then.
 */
export async function writeBody(
  body: Body,
  write: WriteAt,
  options: { start: number; expectedMd5?: string | undefined; needsMd5?: boolean },
): Promise<WrittenBody> {
  const { start, expectedMd5, needsMd5 = false } = options;
  const isNeeded = needsMd5 || expectedMd5 !== undefined || body.isVouchedFor !== true;
  const md5 = isNeeded ? createHash("md5") : null;
  const writer = batchWriter(write, start);
  let sizeBytes = 0;
  try {
    for await (const chunk of body) {
      md5?.update(chunk);
      sizeBytes += chunk.byteLength;
      await writer.add(chunk);
      body.release?.(chunk);
    }
    await writer.flush();
  } finally {
    await writer.settle();
  }
  const digest = md5?.digest("hex") ?? null;
  if (expectedMd5 !== undefined && expectedMd5 !== digest) throw fail("object_digest_mismatch");
  return { sizeBytes, md5: digest };
}

interface BatchWriter {
  /** Copies `chunk`; waits only while too much is being written. */
  add(chunk: Uint8Array): Promise<void> | undefined;
  flush(): Promise<void>;
  /** Waits for the writes that run, whatever becomes of them, and gives the memory back. */
  settle(): Promise<void>;
}

function batchWriter(write: WriteAt, start: number): BatchWriter {
  let position = start;
  let filling: Buffer<ArrayBuffer> | null = null;
  let filled = 0;
  let running: Promise<void>[] = [];
  const writeOut = (batch: Buffer<ArrayBuffer>, length: number): void => {
    const written = write(batch.subarray(0, length), position).finally(() => giveBack(batch));
    // The rejection is seen when this write's turn to be awaited comes; it must not count as unhandled.
    written.catch(() => undefined);
    running.push(written);
    position += length;
    filling = null;
    filled = 0;
  };
  const addRest = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.byteLength;) {
      filling ??= freeBuffers.pop() ?? Buffer.allocUnsafeSlow(batchBytes);
      const piece = chunk.subarray(at, at + batchBytes - filled);
      filling.set(piece, filled);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < batchBytes) return;
      writeOut(filling, filled);
      if (running.length >= writesAtOnce) await running.shift();
    }
  };
  return {
    add(chunk) {
      if (filling === null || filled + chunk.byteLength >= batchBytes) return addRest(chunk);
      filling.set(chunk, filled);
      filled += chunk.byteLength;
      return undefined;
    },
    async flush() {
      if (filling !== null) writeOut(filling, filled);
      await Promise.all(running);
    },
    async settle() {
      await Promise.allSettled(running);
      running = [];
      if (filling !== null) giveBack(filling);
      filling = null;
    },
  };
}

function giveBack(buffer: Buffer<ArrayBuffer>): void {
  if (freeBuffers.length < keptBuffers) freeBuffers.push(buffer);
  // Detached, the memory is free at once instead of at some later garbage collection.
  else buffer.buffer.transfer(0);
}

/** Copies the bytes [start, end) of `from` to `to` at `position`, through one small buffer. */
export async function copyRange(
  from: OpenFile,
  to: OpenFile,
  range: { start: number; end: number; position: number },
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(1_048_576, range.end - range.start));
  for (let at = range.start; at < range.end;) {
    const count = await from.read(buffer, Math.min(buffer.length, range.end - at), at);
    if (count === 0) throw new Error("A stored part is shorter than its record says.");
    await to.write(buffer.subarray(0, count), range.position + at - range.start);
    at += count;
  }
}
