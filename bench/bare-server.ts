import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * The physical limit of this machine: `node:http` with nothing behind it. `GET /?bytes=n` answers n bytes of JSON,
 * `POST /` reads a JSON body and answers one, `GET /stream` is an event stream and `POST /publish` an event to all.
 */
const streams = new Set<ServerResponse>();
const answers = new Map<string, string>();

const server = createServer((request, response) => {
  const url = request.url ?? "/";
  if (url === "/stream") {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("event: connection\ndata: {}\n\n");
    streams.add(response);
    response.once("close", () => streams.delete(response));
    return;
  }
  if (url === "/publish") {
    const text = `id: 1\nevent: job.status\ndata: ${JSON.stringify({ padding: "x".repeat(1_100) })}\n\n`;
    for (const stream of streams) stream.write(text);
    response.end("{}");
    return;
  }
  if (request.method === "POST") {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.on("end", () => answer(response, JSON.stringify(JSON.parse(body))));
    return;
  }
  const bytes = url.slice(url.indexOf("=") + 1);
  let text = answers.get(bytes);
  if (text === undefined) {
    text = JSON.stringify({ padding: "x".repeat(Math.max(0, Number(bytes) - 14)) });
    answers.set(bytes, text);
  }
  answer(response, text);
});

function answer(response: ServerResponse, text: string): void {
  response.writeHead(200, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
