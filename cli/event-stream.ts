/** One message of a `text/event-stream` body. */
export interface StreamMessage {
  /** Type of the event; `message` when the server named none. */
  readonly event: string;
  readonly data: string;
  /** Last id the server sent on this stream, "" before the first. */
  readonly id: string;
}

/** A line longer than this is not one of ours; the stream is given up instead of growing without end. */
const longestLine = 4 * 1024 * 1024;

/**
 * Reads a body as server-sent events (WHATWG HTML, 9.2.6): any line ending, several `data:` lines joined,
 * comments skipped. Yields null for a comment, so that a caller can tell a quiet stream from a dead one.
 */
export async function* parseEventStream(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamMessage | null, void, undefined> {
  let id = "";
  let event = "";
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    if (line === "") {
      if (data.length > 0) yield { event: event || "message", data: data.join("\n"), id };
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      yield null;
      continue;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the very end may be the first half of CR LF; it waits for the next chunk.
    const complete = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
    const lines = complete.split(/\r\n|\n|\r/);
    const open = lines.pop() ?? "";
    if (open.length > longestLine) throw new Error("the event stream sent a line without end");
    rest = open + rest.slice(complete.length);
    yield* lines;
  }
}

/** How {@link followEventStream} connects and when it gives up. */
export interface FollowOptions {
  /** Opens the stream; `lastEventId` is "" at first. A rejected promise or a 5xx answer is tried again. */
  readonly connect: (lastEventId: string, signal: AbortSignal) => Promise<Response>;
  readonly lastEventId?: string;
  readonly signal: AbortSignal;
  /** How long a lost server may stay away. */
  readonly patienceMs: number;
  /** Without a message or comment for so long the connection counts as dead; the server pings every 15 s. */
  readonly silenceMs?: number;
  /** First pause before a new attempt; grows to 2 s. */
  readonly pauseMs?: number;
}

/** What {@link followEventStream} tells besides messages. */
export type FollowedItem =
  | { readonly kind: "connected" }
  | { readonly kind: "message"; readonly message: StreamMessage }
  /** The server lives but had nothing to tell for a while. */
  | { readonly kind: "ping" }
  | { readonly kind: "lost"; readonly reason: string };

/** Thrown by `connect` when trying again is pointless (no permission, no such job). */
export class FinalStreamError extends Error {}

/**
 * Follows an event stream over any number of connections, resuming each after the last id seen. Ends when the
 * signal aborts; throws when no connection succeeds for `patienceMs`.
 */
export async function* followEventStream(
  options: FollowOptions,
): AsyncGenerator<FollowedItem, void, undefined> {
  let lastEventId = options.lastEventId ?? "";
  let lostAt: number | null = null;
  let pauseMs = options.pauseMs ?? 200;
  while (!options.signal.aborted) {
    const watch = silenceWatch(options.silenceMs ?? 45_000, options.signal);
    let reason: string;
    try {
      const response = await options.connect(lastEventId, watch.signal);
      if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
      yield { kind: "connected" };
      lostAt = null;
      pauseMs = options.pauseMs ?? 200;
      for await (const message of parseEventStream(response.body)) {
        watch.heard();
        if (message !== null) lastEventId = message.id || lastEventId;
        if (message === null || message.event === "ping") yield { kind: "ping" };
        else yield { kind: "message", message };
      }
      reason = "the server closed the stream";
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof FinalStreamError) throw error;
      reason = error instanceof Error ? error.message : String(error);
    } finally {
      watch.stop();
    }
    if (lostAt === null) yield { kind: "lost", reason };
    lostAt ??= performance.now();
    if (performance.now() - lostAt > options.patienceMs) {
      throw new Error(`The server has not answered for ${Math.round(options.patienceMs / 1000)} s.`);
    }
    await pause(pauseMs, options.signal);
    pauseMs = Math.min(pauseMs * 2, 2000);
  }
}

/** A signal that aborts when nothing was heard for `silenceMs` or when `outer` aborts. */
function silenceWatch(
  silenceMs: number,
  outer: AbortSignal,
): { signal: AbortSignal; heard: () => void; stop: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(outer.reason);
  outer.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => controller.abort(new Error("nothing was heard from the server")), silenceMs);
  return {
    signal: controller.signal,
    heard: () => timer.refresh(),
    stop: () => {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
      controller.abort();
    },
  };
}

/** Waits, or returns at once when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
