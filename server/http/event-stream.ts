import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { StreamMessage } from "../services/handler.ts";

/** Keeps proxies from closing a quiet stream, and tells its reader that it is not dead (CONTRACT 1.20: every 15 s). */
const pingEveryMs = 15_000;

/** Readers of a server that stops come back within so long. */
const longestReturnMs = 1_000;

/** A reader that takes nothing for so long while something waits for it is gone: a closed lid sends no goodbye. */
const longestStallMs = 60_000;

/**
 * Writes messages as `text/event-stream` until they end or the reader leaves, and tells it to come back when the server stops; waits when the reader is slow, and
 * cuts it off after `stallMs` without a byte taken.
 */
export async function writeEventStream(
  response: ServerResponse,
  messages: AsyncIterable<StreamMessage>,
  stopping: AbortSignal,
  stallMs = longestStallMs,
): Promise<void> {
  // A stream ends with its connection, so chunks would only add two small pieces to every message.
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  const ping = setInterval(() => {
    if (!response.writableNeedDrain) response.write("event: ping\ndata: {}\n\n");
  }, pingEveryMs).unref();
  try {
    await writeAll(response, messages, encoded, stallMs);
    if (stopping.aborted && !response.destroyed) response.write(comeBack());
  } finally {
    clearInterval(ping);
    response.end();
  }
}

/** Tells the reader to open its stream anew, at a server that stays; not all readers in the same moment. */
function comeBack(): string {
  const retryMs = Math.round(longestReturnMs * Math.random());
  return `event: reconnect\nretry: ${retryMs}\ndata: ${JSON.stringify({ retry_ms: retryMs })}\n\n`;
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
  await writeAll(response, pieces, (piece) => piece, longestStallMs);
  response.end();
}

async function writeAll<Piece>(
  response: ServerResponse,
  pieces: AsyncIterable<Piece>,
  bytesOf: (piece: Piece) => string | Buffer,
  stallMs: number,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (response.write(bytesOf(piece))) continue;
    const stalled = setTimeout(() => response.destroy(), stallMs);
    await once(response, "drain", { signal: gone.signal }).catch(() => undefined);
    clearTimeout(stalled);
  }
}

/** A message goes to many streams as one object; its bytes are made once for all of them. */
const bytesOfMessages = new WeakMap<StreamMessage, Buffer>();

function encoded(message: StreamMessage): Buffer {
  let bytes = bytesOfMessages.get(message);
  if (!bytes) {
    const { id, event, data } = message;
    bytes = Buffer.from(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`);
    bytesOfMessages.set(message, bytes);
  }
  return bytes;
}
