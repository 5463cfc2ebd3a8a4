import { PassThrough } from "node:stream";
import type { Body, ReadableObject } from "../../adapters/storage/storage.ts";

/** Read ahead of the reader by at most this much. */
const readAheadBytes = 1024 * 1024;

/** The bytes [start, end) of an opened object as the body of a write; the object stays open. */
export async function* objectBody(object: ReadableObject, range: { start: number; end: number }): Body {
  const stream = new PassThrough({ highWaterMark: readAheadBytes });
  // The iteration below throws it; before that nobody listens.
  stream.on("error", () => undefined);
  let giveUp: ((reason: Error) => void) | null = null;
  // A write that nobody takes is never called back.
  stream.on("close", () => giveUp?.(new Error("Nobody reads the object any more.")));
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      giveUp = reject;
      // The reader of the body gathers chunks, and this one's memory is filled again.
      stream.write(Buffer.from(chunk), (error) => (error ? reject(error) : resolve()));
    });
  object.read(range, write).then(
    () => stream.end(),
    (error: Error) => stream.destroy(error),
  );
  yield* stream as AsyncIterable<Uint8Array>;
}
