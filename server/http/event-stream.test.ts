import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import type { StreamMessage } from "../services/handler.ts";
import { writeEventStream } from "./event-stream.ts";

/** Serves one stream and answers how it ended for the server. */
async function serveOnce(messages: AsyncIterable<StreamMessage>, stallMs: number) {
  const server = createServer();
  const over = new Promise<"ended" | "cut">((resolve) => {
    server.on("request", (_request, response) => {
      void writeEventStream(response, messages, new AbortController().signal, stallMs).then(() =>
        resolve(response.destroyed && !response.writableFinished ? "cut" : "ended"),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, over, close: () => server.close() };
}

test("a reader that takes nothing is cut off, and the source is told to stop", async () => {
  let stopped = false;
  async function* endless(): AsyncGenerator<StreamMessage> {
    try {
      for (;;) yield { event: "x", data: "y".repeat(65_536) };
    } finally {
      stopped = true;
    }
  }
  const { port, over, close } = await serveOnce(endless(), 150);
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  socket.pause();
  assert.equal(await over, "cut");
  assert.ok(stopped);
  socket.destroy();
  close();
});

test("a reader that is merely slow gets everything", async () => {
  const count = 200;
  async function* some(): AsyncGenerator<StreamMessage> {
    for (let number = 1; number <= count; number++)
      yield { id: String(number), event: "x", data: "y".repeat(65_536) };
  }
  const { port, over, close } = await serveOnce(some(), 5_000);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  let length = 0;
  let ids = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    ids += Buffer.from(chunk).toString("latin1").split("id: ").length - 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(length > count * 65_536);
  assert.ok(ids >= count - 5, "ids cut in two by chunks apart, every message came");
  assert.equal(await over, "ended");
  close();
});
