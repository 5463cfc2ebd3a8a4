import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type ServerHttp2Session } from "node:http2";
import {
  type AddressInfo,
  createServer as createSocketServer,
  type Server as SocketServer,
  type Socket,
} from "node:net";
import type { Logger } from "pino";
import { followCertificate, readCertificate } from "./certificate.ts";
import type { TlsConfig } from "./config/tls.ts";
import { isLoopbackAddress } from "./http/authenticate.ts";
import type { RequestSource } from "./http/request-source.ts";

/** What takes connections and hands requests to the application. */
export interface Listener {
  readonly requests: RequestSource;
  listen(port: number, host: string): Promise<void>;
  /** Null before it listens. */
  address(): AddressInfo | null;
  /** From now on each connection ends with its next answer, and whoever asks again makes another. */
  drain(): void;
  /** Takes no connection any more; resolves when the last one has ended. */
  close(): Promise<void>;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/** Uploads may take hours; the storage endpoint drops connections that bring nothing itself. */
const timeouts = { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 65_000 };

/** Takes plain HTTP, or with a certificate TLS with HTTP/2 and HTTP/1.1; see {@link secureListener}. */
export function openListener(tls: TlsConfig | null, log: Pick<Logger, "info" | "warn">): Listener {
  if (tls !== null) return secureListener(tls, log);
  const server = createServer(timeouts);
  return {
    requests: server,
    drain: () => endWithAnswers(server),
    ...listening(server),
    close: () => closed(server),
    closeIdleConnections: () => server.closeIdleConnections(),
    closeAllConnections: () => server.closeAllConnections(),
  };
}

/** Says with each answer that its connection ends. */
function endWithAnswers(server: Server): void {
  for (const event of requestEvents)
    // Node itself answers what nobody listens for.
    if (server.listenerCount(event) > 0)
      server.prependListener(event, (_: IncomingMessage, response: ServerResponse) => {
        response.shouldKeepAlive = false;
      });
}

/** The first byte of a TLS handshake. */
const handshake = 0x16;
/** A connection that says nothing for so long is dropped before anybody knows what it speaks. */
const firstByteMs = 30_000;

/**
 * One port for both: a connection that begins with a handshake speaks TLS. What comes in plain is answered when it comes
 * from this machine, whose trainers upload to a name that no certificate has, and sent to https otherwise.
 */
function secureListener(tls: TlsConfig, log: Pick<Logger, "info" | "warn">): Listener {
  const requests = new EventEmitter();
  const plain = plainServer(requests);
  const { secure, sessions } = secureServer(tls, requests);
  const stopFollowing = followCertificate(tls, log, (renewed) => secure.setSecureContext(renewed));
  const sockets = new Set<Socket>();
  const front = createSocketServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket)).on("error", () => undefined);
    const silent = setTimeout(() => socket.destroy(), firstByteMs).unref();
    socket.once("data", (first: Buffer) => {
      clearTimeout(silent);
      socket.pause();
      socket.unshift(first);
      if (first[0] === handshake) return secure.emit("connection", socket);
      plain.emit("connection", socket);
      socket.resume();
    });
  });
  return {
    requests,
    // Sessions of HTTP/2 are told to end when they are closed.
    drain: () => endWithAnswers(plain),
    ...listening(front),
    close() {
      stopFollowing();
      return closed(front);
    },
    closeIdleConnections() {
      plain.closeIdleConnections();
      secure.closeIdleConnections();
      // One with a request under way stays open until it is answered.
      for (const session of sessions) session.close();
    },
    closeAllConnections() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const requestEvents = ["request", "checkContinue", "checkExpectation"] as const;

function secureServer(tls: TlsConfig, requests: EventEmitter) {
  const { cert, key } = readCertificate(tls);
  const options = { ...timeouts, cert, key, allowHTTP1: true, minVersion: "TLSv1.2" as const };
  const secure = createSecureServer(options) as ReturnType<typeof createSecureServer> &
    Pick<Server, "closeIdleConnections">;
  const sessions = new Set<ServerHttp2Session>();
  secure.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  for (const event of requestEvents)
    secure.on(event, (message: Http2ServerRequest, response: unknown) => {
      if (message.httpVersionMajor === 2) nameHost(message);
      requests.emit(event, message, response);
    });
  return { secure, sessions };
}

/** HTTP/2 says in a field of its own what the rest of the server reads, and signatures cover, as `Host`. */
function nameHost(message: Http2ServerRequest): void {
  const { headers, rawHeaders, authority } = message;
  headers.host ??= authority;
  const named = rawHeaders.some((name, at) => at % 2 === 0 && name.toLowerCase() === "host");
  const fields: string[] = named ? [] : ["host", headers.host];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!name.startsWith(":")) fields.push(name, value);
  }
  rawHeaders.splice(0, rawHeaders.length, ...fields);
}

function plainServer(requests: EventEmitter): Server {
  const plain = createServer(timeouts);
  for (const event of requestEvents)
    plain.on(event, (message: IncomingMessage, response: ServerResponse) => {
      if (isLoopbackAddress(message.socket.remoteAddress ?? "")) requests.emit(event, message, response);
      else redirect(message, response);
    });
  return plain;
}

/** Keeps the method, unlike the older kinds of redirect. */
function redirect({ headers, url }: IncomingMessage, response: ServerResponse): void {
  const location = `https://${headers.host ?? ""}${url ?? "/"}`;
  response.writeHead(headers.host === undefined ? 400 : 308, { location, connection: "close" }).end();
}

function listening(server: SocketServer): Pick<Listener, "listen" | "address"> {
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve();
        });
      }),
    address: () => server.address() as AddressInfo | null,
  };
}

function closed(server: SocketServer): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
