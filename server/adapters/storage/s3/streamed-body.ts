import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Body } from "../storage.ts";

/** A service that is busy before it has taken a byte is asked so often. */
const attempts = 4;
const firstWaitMs = 200;

/** A body of known length on its way to the service. */
export interface StreamedBody {
  body: Body;
  declaredBytes: number;
  /** Called when every check of the body has passed, before its last bytes leave. */
  beforeEnd?: () => Promise<void>;
}

/**
 * Sends a body through `send` without holding more than two chunks of it. The last chunk leaves only when the body
 * has ended well: whatever fails before cuts the request off, and a service never keeps less than the declared
 * length. A body cannot be sent again once it was begun; a busy answer before that is waited out.
 */
export async function sendStreamed<Output>(
  source: StreamedBody,
  send: (stream: Readable, signal: AbortSignal) => Promise<Output>,
): Promise<Output> {
  for (let attempt = 1; ; attempt++) {
    const sending = new Sending(source);
    try {
      return await send(sending.stream, sending.signal);
    } catch (error) {
      sending.end();
      if (sending.failure !== null) throw sending.failure.error;
      const isBusy = error instanceof Failure && error.code === "storage_busy";
      if (!isBusy || sending.isBegun || attempt === attempts) throw error;
    }
    await delay(firstWaitMs * 2 ** (attempt - 1));
  }
}

class Sending {
  readonly stream: Readable;
  isBegun = false;
  /** What was wrong with the body itself. */
  failure: { error: unknown } | null = null;
  readonly #source: StreamedBody;
  readonly #abort = new AbortController();

  constructor(source: StreamedBody) {
    this.#source = source;
    this.stream = Readable.from(this.#chunks(), { objectMode: false });
    // The failure is told by `send`, which the abort ends; nobody else listens to the stream.
    this.stream.on("error", () => undefined);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Frees the connection of a request that was answered before its body was taken. */
  end(): void {
    this.#abort.abort();
    this.stream.destroy();
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    this.isBegun = true;
    const { body, declaredBytes, beforeEnd } = this.#source;
    let held: Uint8Array | null = null;
    let bytes = 0;
    try {
      for await (const chunk of body) {
        bytes += chunk.byteLength;
        if (bytes > declaredBytes)
          throw new Error(`A body is longer than its declared ${declaredBytes} bytes.`);
        if (held !== null) yield held;
        held = chunk;
      }
      if (bytes !== declaredBytes)
        throw new Error(`A body of ${bytes} bytes was declared with ${declaredBytes}.`);
      // The request may have ended without the body's last bytes.
      this.#abort.signal.throwIfAborted();
      await beforeEnd?.();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.failure = { error };
      this.#abort.abort();
      throw error;
    }
    if (held !== null) yield held;
  }
}

/** Takes a body in pieces of a given size. */
export interface BodyPieces {
  /** The next `bytes` of the body, fewer only at its end. */
  take(bytes: number): Promise<{ piece: Buffer; isLast: boolean }>;
  /** Tells the body that no more of it is wanted. */
  close(): Promise<void>;
}

/** See {@link BodyPieces}; holds one piece and the rest of one chunk. */
export function bodyPieces(body: Body): BodyPieces {
  const iterator = body[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  let isDone = false;
  return {
    async take(bytes) {
      const chunks: Uint8Array[] = [];
      let length = 0;
      // One byte more is looked for, so that the last piece is known to be the last.
      while (!isDone && length + rest.byteLength <= bytes) {
        chunks.push(rest);
        length += rest.byteLength;
        const next = await iterator.next();
        isDone = next.done === true;
        rest = next.done === true ? new Uint8Array() : next.value;
      }
      const fitting = rest.subarray(0, bytes - length);
      chunks.push(fitting);
      rest = rest.subarray(fitting.byteLength);
      return { piece: Buffer.concat(chunks), isLast: isDone && rest.byteLength === 0 };
    },
    async close() {
      await iterator.return?.();
    },
  };
}
