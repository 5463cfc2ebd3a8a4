import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, stat, unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * What `node:http` and `node:fs` give without any storage on top: `storage-bare-server.ts <folder> [sync]`. PUT goes to
 * a temporary file that is renamed, `PUT ?offset=n` to its place in a file that `POST` renames; nothing is checked.
 * With `sync`, files are flushed (fsync) before they are renamed.
 */
const [root = "", mode = ""] = process.argv.slice(2);
let counter = 0;

async function receive(request: IncomingMessage, path: string, offset: string | null): Promise<void> {
  const temporary = offset === null ? `${path}.${process.pid}.${counter++}.tmp` : `${path}.part`;
  if (offset !== null) await (await open(temporary, "a")).close();
  const flags = offset === null ? "wx" : "r+";
  const target = createWriteStream(temporary, { flags, start: Number(offset ?? 0), flush: mode === "sync" });
  await pipeline(request, target);
  if (offset === null) await rename(temporary, path);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://bare");
  const path = join(root, url.pathname.replaceAll("/", "_"));
  if (request.method === "PUT") await receive(request, path, url.searchParams.get("offset"));
  else if (request.method === "POST") await rename(`${path}.part`, path);
  else if (request.method === "DELETE") await unlink(path);
  else {
    const { size } = await stat(path);
    response.writeHead(200, { "content-length": size });
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), response);
    return;
  }
  response.writeHead(200, { "content-length": 0 });
  response.end();
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  answer(request, response).catch((error: unknown) => {
    // A client that has all it wanted may be gone before the last callback comes.
    if (!response.writableEnded) process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
