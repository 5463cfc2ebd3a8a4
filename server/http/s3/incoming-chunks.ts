import type { IncomingMessage } from "node:http";
import type { Body } from "../../adapters/storage/storage.ts";

/** So much waits for a slow reader before the connection is told to wait. */
const waitingBytes = 64 * 1024;

/** What is done to a body as it arrives. */
interface Check {
  take(slice: Uint8Array): Uint8Array[];
  finish(): void;
}

/** How {@link checkedChunks} reads. */
interface ReadOptions {
  /** A connection that brings no byte for so long is given up. */
  idleMs: number;
  onBytes?: ((count: number) => void) | undefined;
}

/**
 * The body of a request, checked as it arrives, while the reader is busy with what came before. Rejects when
 * `check` does, or when the connection breaks. Leaves it open itself, so that an error can still be answered.
 */
export function checkedChunks(
  message: IncomingMessage,
  options: ReadOptions,
  check: Check,
  isVouchedFor: boolean,
): Body {
  const held: HeldMemory = new Map();
  return {
    isVouchedFor,
    release(chunk) {
      const { buffer } = chunk;
      const chunks = buffer instanceof ArrayBuffer ? held.get(buffer) : undefined;
      if (!(buffer instanceof ArrayBuffer) || chunks === undefined) return;
      held.set(buffer, chunks - 1);
      if (chunks > 1) return;
      held.delete(buffer);
      // Left to the garbage collector, slices pile up to tens of megabytes of cold memory.
      buffer.transfer(0);
    },
    [Symbol.asyncIterator]: () => new IncomingChunks(message, options, check, held),
  };
}

/** The memory of slices that have it to themselves, with the number of chunks in it that are still needed. */
type HeldMemory = Map<ArrayBuffer, number>;

type Result = IteratorResult<Uint8Array, undefined>;

/** Chunks that arrived, in the order they came; lives as long as somebody reads the body. */
class IncomingChunks implements AsyncIterator<Uint8Array, undefined> {
  readonly #message: IncomingMessage;
  readonly #options: ReadOptions;
  readonly #check: Check;
  readonly #held: HeldMemory;
  readonly #timer: NodeJS.Timeout;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #outcome: "reading" | "whole" | { error: unknown } = "reading";
  #wake: (() => void) | null = null;

  constructor(message: IncomingMessage, options: ReadOptions, check: Check, held: HeldMemory) {
    this.#message = message;
    this.#options = options;
    this.#check = check;
    this.#held = held;
    this.#timer = setTimeout(this.#onIdle, options.idleMs);
    message
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("error", this.#stop)
      .on("close", this.#onClose);
    if (message.destroyed) this.#onClose();
  }

  async next(): Promise<Result> {
    while (this.#waiting.length === 0) {
      if (this.#outcome === "whole") return { done: true, value: undefined };
      if (this.#outcome !== "reading") throw this.#outcome.error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    const value = this.#waiting.shift() ?? new Uint8Array();
    this.#waitingBytes -= value.length;
    if (this.#outcome === "reading" && this.#waitingBytes < waitingBytes) this.#message.resume();
    return { done: false, value };
  }

  async return(): Promise<Result> {
    this.#message.pause();
    this.#stop(new Error("Nobody reads the body any more."));
    return { done: true, value: undefined };
  }

  #onData = (slice: Uint8Array): void => {
    this.#timer.refresh();
    try {
      const chunks = this.#check.take(slice);
      const { buffer } = slice;
      if (buffer instanceof ArrayBuffer && slice.length === buffer.byteLength)
        this.#held.set(buffer, chunks.length);
      for (const chunk of chunks) {
        this.#waiting.push(chunk);
        this.#waitingBytes += chunk.length;
        this.#options.onBytes?.(chunk.length);
      }
    } catch (error) {
      this.#message.pause();
      this.#stop(error);
    }
    if (this.#waitingBytes >= waitingBytes) this.#message.pause();
    this.#wake?.();
  };

  #onEnd = (): void => {
    try {
      this.#check.finish();
      this.#outcome = "whole";
    } catch (error) {
      this.#outcome = { error };
    }
    this.#stop(null);
  };

  #onClose = (): void => {
    this.#stop(this.#message.errored ?? new Error("The client closed the connection."));
  };

  #onIdle = (): void => {
    // Time that the disk takes is not the client's.
    if (this.#wake === null) this.#timer.refresh();
    else this.#message.destroy(new Error(`No byte arrived for ${this.#options.idleMs / 1000} seconds.`));
  };

  #stop = (error: unknown): void => {
    if (this.#outcome === "reading") this.#outcome = { error };
    clearTimeout(this.#timer);
    const message = this.#message;
    message.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    // Until it closes, a broken connection may report once more.
    message.off("error", this.#stop).on("error", () => undefined);
    this.#wake?.();
  };
}
