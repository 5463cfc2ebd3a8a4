import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { StreamMessage } from "../services/handler.ts";

/** Comments keep proxies from closing a quiet stream (CONTRACT 1.20: every 15 s). */
const pingEveryMs = 15_000;

/** Writes messages as `text/event-stream` until they end or the reader leaves; waits when the reader is slow. */
export async function writeEventStream(
  response: ServerResponse,
  messages: AsyncIterable<StreamMessage>,
): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    connection: "keep-alive",
  });
  response.flushHeaders();
  const ping = setInterval(() => response.write(": ping\n\n"), pingEveryMs).unref();
  try {
    await writeAll(response, encoded(messages));
  } finally {
    clearInterval(ping);
    response.end();
  }
}

/** Writes pieces of text as a download. */
export async function writeText(
  response: ServerResponse,
  pieces: AsyncIterable<string>,
  fileName: string,
): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/plain; charset=utf-8",
    "content-disposition": `attachment; filename="${fileName}"`,
    "cache-control": "no-store",
  });
  await writeAll(response, pieces);
  response.end();
}

async function writeAll(response: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (response.write(piece)) continue;
    await once(response, "drain", { signal: gone.signal }).catch(() => undefined);
  }
}

async function* encoded(messages: AsyncIterable<StreamMessage>): AsyncGenerator<string> {
  for await (const { id, event, data } of messages) {
    yield `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
  }
}
