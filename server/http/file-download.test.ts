import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, test } from "node:test";
import type { FileDownload } from "../services/handler.ts";
import { writeDownload } from "./file-download.ts";

describe("sending a file", () => {
  let server: Server;
  let download: FileDownload;
  let ended: Promise<unknown>;
  let port: number;
  let stopping: AbortController;

  before(async () => {
    server = createServer((_, response) => {
      stopping = new AbortController();
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      ended = writeDownload(response, download, AbortSignal.any([gone.signal, stopping.signal]), 40).then(
        () => "sent",
        (error: unknown) => error,
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const file = (write: FileDownload["write"], sizeBytes = 4): FileDownload => ({
    fileName: 'शुरू "x"\r\n;.zip',
    contentType: "application/zip",
    sizeBytes,
    write,
  });
  const ask = () => fetch(`http://127.0.0.1:${port}/`);

  test("a failure in the middle cuts the connection, so that nobody takes the part for the whole", async () => {
    const failure = new Error("the disk is gone");
    download = file(async (target) => {
      target.write("ab");
      throw failure;
    });
    await assert.rejects(ask().then((response) => response.arrayBuffer()));
    assert.equal(await ended, failure);
  });

  test("a server that stops ends the work without an error", async () => {
    download = file(async (target, signal) => {
      target.write("ab");
      setImmediate(() => stopping.abort());
      await once(signal, "abort");
      signal.throwIfAborted();
    });
    await assert.rejects(ask().then((response) => response.arrayBuffer()));
    assert.equal(await ended, "sent");
  });

  test("a reader that takes nothing is cut off", { timeout: 10_000 }, async () => {
    const chunk = Buffer.alloc(1 << 20);
    download = file(async (target, signal) => {
      for (;;) {
        signal.throwIfAborted();
        if (!target.write(chunk)) await once(target, "drain", { signal });
      }
    }, 1e12);
    const asked = once(server, "request");
    const socket = connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await asked;
    assert.equal(await ended, "sent");
    socket.destroy();
  });

  test("length and name: any characters, none of which can end the header", async () => {
    download = file(async (target) => {
      target.write("abcd");
    });
    const response = await ask();
    assert.equal(await response.text(), "abcd");
    assert.equal(response.headers.get("content-length"), "4");
    const disposition = response.headers.get("content-disposition") ?? "";
    assert.match(disposition, /^attachment; filename="[\w.-]+"; filename\*=UTF-8''[\w%.~!-]+$/);
    assert.ok(decodeURIComponent(disposition).endsWith(download.fileName));
  });
});
