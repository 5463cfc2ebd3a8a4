import type { Writable } from "node:stream";
import { writeAt } from "./file-calls.ts";

/** Where an archive goes, in order from its first byte. */
export interface ArchiveSink {
  /** Bytes appended so far. */
  position(): number;
  /** Takes the bytes; when the promise resolves the caller may use the buffer again. */
  append(bytes: Buffer): Promise<void>;
  /** Overwrites bytes that were appended before; absent where they are gone. */
  patch?(bytes: Buffer, position: number): Promise<void>;
}

/** Writes to an open file from its start. */
export function fileSink(fd: number): ArchiveSink {
  let position = 0;
  return {
    position: () => position,
    async append(bytes) {
      await writeAt(fd, bytes, position);
      position += bytes.length;
    },
    patch: (bytes, at) => writeAt(fd, bytes, at),
  };
}

/** Writes to a stream such as an upload, at the speed it takes the bytes. The caller ends the stream. */
export function streamSink(stream: Writable): ArchiveSink {
  let position = 0;
  // A failed write also makes the stream emit its error, after the write has already reported it.
  stream.on("error", () => {});
  return {
    position: () => position,
    async append(bytes) {
      // Copied because a stream may hand the buffer on and report it written while the other side still reads it.
      await writeChunk(stream, Buffer.from(bytes));
      position += bytes.length;
    },
  };
}

function writeChunk(stream: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (error?: Error | null): void => {
      stream.off("error", stop);
      stream.off("close", closed);
      if (error) reject(error);
      else resolve();
    };
    // A stream that is destroyed while it holds a chunk never calls back for it.
    const closed = (): void => stop(new Error("the stream was closed before the archive was complete"));
    stream.on("error", stop);
    stream.on("close", closed);
    if (stream.errored !== null) stop(stream.errored);
    else if (stream.destroyed) closed();
    else stream.write(chunk, stop);
  });
}
