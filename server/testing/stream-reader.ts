import { setTimeout as delay } from "node:timers/promises";

/** One message of a `text/event-stream`. */
export interface ReadMessage {
  id: string | null;
  event: string;
  // Tests read what the contract leaves open.
  data: Record<string, unknown>;
}

/** An open event stream that collects what it hears. */
export interface StreamReader {
  readonly status: number;
  readonly messages: readonly ReadMessage[];
  /** The raw text, comments included. */
  readonly text: () => string;
  /** Resolves with the first message that fits, heard already or to come. */
  until(fits: (message: ReadMessage) => boolean, withinMs?: number): Promise<ReadMessage>;
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  /** Leaves the stream. */
  close(): void;
}

/** Opens an event stream. */
export async function readStream(url: string, headers: Record<string, string> = {}): Promise<StreamReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  const messages: ReadMessage[] = [];
  let text = "";
  let rest = "";
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const piece = decoder.decode(chunk, { stream: true });
      text += piece;
      rest += piece;
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const message = parse(rest.slice(0, end));
        if (message) messages.push(message);
        rest = rest.slice(end + 2);
      }
    }
  })().catch((error: unknown) => {
    if (!leaving.signal.aborted && !/terminated/.test(String(error))) throw error;
  });
  return {
    status: response.status,
    messages,
    text: () => text,
    ended,
    async until(fits, withinMs = 10_000) {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const found = messages.find(fits);
        if (found) return found;
        if (performance.now() > deadline)
          throw new Error(`no such message; heard ${messages.map(({ event }) => event).join(", ")}`);
        await delay(10);
      }
    },
    close: () => leaving.abort(),
  };
}

function parse(block: string): ReadMessage | null {
  const field = (name: string): string | null =>
    block
      .split("\n")
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? null;
  const data = field("data");
  if (data === null) return null;
  return {
    id: field("id"),
    event: field("event") ?? "message",
    data: JSON.parse(data) as Record<string, unknown>,
  };
}
