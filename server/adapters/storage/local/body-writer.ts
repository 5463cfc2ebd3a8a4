import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Body } from "../storage.ts";

/** One write gathers about this much, so that small chunks do not cost a system call each. */
const batchBytes = 256 * 1024;

/** Writes `buffers` at `position`, all of them. */
export type WriteBatch = (buffers: Uint8Array[], position: number) => Promise<void>;

/**
 * Streams `body` out through `write`, one write running while the next batch arrives. Rejects with the first
 * error of either side, with `object_digest_mismatch` when the MD5 (hex) is not the expected one; no write is
 * running any more then.
 */
export async function writeBody(
  body: Body,
  write: WriteBatch,
  options: { start: number; expectedMd5?: string | undefined },
): Promise<{ sizeBytes: number; md5: string }> {
  const md5 = createHash("md5");
  let position = options.start;
  let running: Promise<void> = Promise.resolve();
  let batch: Uint8Array[] = [];
  let gathered = 0;
  const flush = async (): Promise<void> => {
    await running;
    running = write(batch, position);
    // The rejection is seen at the next await; until then it must not count as unhandled.
    running.catch(() => undefined);
    position += gathered;
    batch = [];
    gathered = 0;
  };
  try {
    for await (const chunk of body) {
      md5.update(chunk);
      batch.push(chunk);
      gathered += chunk.byteLength;
      if (gathered >= batchBytes) await flush();
    }
    if (gathered > 0) await flush();
    await running;
  } finally {
    await running.catch(() => undefined);
  }
  const digest = md5.digest("hex");
  if (options.expectedMd5 !== undefined && options.expectedMd5 !== digest)
    throw fail("object_digest_mismatch");
  return { sizeBytes: position - options.start, md5: digest };
}

/** Writes all of `buffers` to a file; the system call may stop short, as it does before a disk is full. */
export async function writeFully(handle: FileHandle, buffers: Uint8Array[], position: number): Promise<void> {
  const total = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
  let { bytesWritten: written } = await handle.writev(buffers, position);
  if (written === total) return;
  const rest = Buffer.concat(buffers);
  while (written < total) {
    const step = await handle.write(rest, written, total - written, position + written);
    written += step.bytesWritten;
  }
}

/** Copies the bytes [start, end) of `from` to `to` at `position`, through one small buffer. */
export async function copyRange(
  from: FileHandle,
  to: FileHandle,
  range: { start: number; end: number; position: number },
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(1_048_576, range.end - range.start));
  for (let at = range.start; at < range.end;) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, range.end - at), at);
    if (bytesRead === 0) throw new Error("A stored part is shorter than its record says.");
    await writeFully(to, [buffer.subarray(0, bytesRead)], range.position + at - range.start);
    at += bytesRead;
  }
}
