import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request with its whole body. */
export interface SeenRequest {
  message: IncomingMessage;
  path: string;
  body: string;
}

/** Serves requests on a free port of this machine until it is closed. */
export async function listening(
  answer: (request: SeenRequest, response: ServerResponse) => void | Promise<void>,
) {
  const server = createServer((message, response) => {
    const respond = async (): Promise<void> =>
      answer({ message, path: message.url ?? "", body: await text(message) }, response);
    respond().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
