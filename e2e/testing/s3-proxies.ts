import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, createServer, type Server as TcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { outputOf } from "./run-program.ts";

/** Something that stands between a client and the server on a port of its own. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
}

async function listening(server: TcpServer | Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Cuts connections in the middle of what they carry. */
export interface CuttingProxy extends Proxy {
  /** Cuts the connection that carries the byte with this number, counted over all of them from now on; once. */
  cutNext(direction: "up" | "down", afterBytes: number): void;
  /** How often it has cut. */
  readonly cuts: () => number;
}

/** Passes bytes between clients and `targetPort` until it is told to cut. */
export async function cuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: { direction: "up" | "down"; leftBytes: number } | null = null;
  let cuts = 0;
  const pass = (from: Socket, to: Socket, direction: "up" | "down"): void => {
    from.on("data", (data: Buffer) => {
      if (armed?.direction === direction) {
        armed.leftBytes -= data.length;
        if (armed.leftBytes < 0) {
          armed = null;
          cuts++;
          from.resetAndDestroy();
          to.resetAndDestroy();
          return;
        }
      }
      if (!to.write(data)) from.pause();
    });
    to.on("drain", () => from.resume());
    from
      .on("end", () => to.end())
      .on("error", () => to.destroy())
      .on("close", () => to.destroy());
    sockets.add(from);
    from.on("close", () => sockets.delete(from));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true });
    pass(client, upstream, "up");
    pass(upstream, client, "down");
  });
  return {
    port: await listening(server),
    cutNext: (direction, afterBytes) => void (armed = { direction, leftBytes: afterBytes }),
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A certificate for 127.0.0.1 that signs itself; written into `folder`. */
export async function makeCertificate(
  openssl: string,
  folder: string,
): Promise<{ caFile: string; keyFile: string }> {
  const caFile = join(folder, "ca.pem");
  const keyFile = join(folder, "key.pem");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  await outputOf(openssl, ["req", "-x509", "-days", "2", ...key, ...name, "-out", caFile]);
  return { caFile, keyFile };
}

/** Speaks TLS to clients and passes their bytes on; `seen` is told what they send. */
export async function tlsFront(
  targetPort: number,
  { caFile, keyFile }: { caFile: string; keyFile: string },
  seen: (data: Buffer) => void = () => undefined,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createTlsServer({ cert: readFileSync(caFile), key: readFileSync(keyFile) }, (client) => {
    const upstream = connect({ host: "127.0.0.1", port: targetPort });
    sockets.add(client).add(upstream);
    client.on("data", seen).pipe(upstream).pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one
        .on("error", () => other.destroy())
        .on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
    }
  });
  return {
    port: await listening(server),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A reverse proxy that changes the head of each request, as {@link change} says. */
export async function rewritingProxy(
  targetPort: number,
  change: (message: IncomingMessage) => { path?: string; headers?: Record<string, string> },
): Promise<Proxy> {
  const server = createHttpServer({ requestTimeout: 0 }, (message, response) => {
    const { path = message.url, headers = {} } = change(message);
    const upstream = request(
      {
        host: "127.0.0.1",
        port: targetPort,
        method: message.method,
        path,
        headers: { ...message.headers, ...headers },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(response);
      },
    );
    upstream.on("error", () => response.destroy());
    message.pipe(upstream);
  });
  return {
    port: await listening(server),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
