import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { routes } from "./routes.ts";
import { storageAnswer } from "./storage.ts";
import { HubProblem, type HubRepository, type HubToken, type HubTrouble, type World } from "./world.ts";

/** How the emulator behaves. */
export interface HubEmulatorOptions {
  token?: string;
  account?: string;
  /** The token may only read. */
  readOnly?: boolean;
}

/** One call that came. */
export interface ReceivedCall {
  method: string;
  path: string;
  bytes: number;
}

/**
 * The Hugging Face Hub's HTTP API on this machine, as far as repositories of one account and its organisations use it.
 * It checks what it is sent and can be told to misbehave.
 */
export async function startHubEmulator(options: HubEmulatorOptions = {}) {
  const token = options.token ?? `hf_${randomBytes(17).toString("hex")}`;
  const account = options.account ?? "ada";
  const calls: ReceivedCall[] = [];
  const world: World = {
    token,
    account,
    organisations: new Map(),
    tokens: new Map<string, HubToken>([[token, { account, role: "write" }]]),
    repositories: new Map<string, HubRepository>(),
    models: new Map<string, HubRepository>(),
    blobs: new Map(),
    parts: new Map(),
    complaints: [],
    behaviour: {
      readOnly: options.readOnly === true,
      failUploads: 0,
      uploadMs: 0,
      keepsRepositories: false,
      partBytes: null,
      loses: null,
      storageOrigin: null,
      trouble: [],
    },
    origin: "",
  };
  const server = createServer((request, response) => {
    const call = { method: request.method ?? "", path: request.url ?? "", bytes: 0 };
    calls.push(call);
    answer(world, request, response, call).catch((error: unknown) => {
      if (error instanceof HubProblem) send(response, error.status, { error: error.message }, error.headers);
      else response.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  world.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...world,
    url: world.origin,
    calls,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** See {@link startHubEmulator}. */
export type HubEmulator = Awaited<ReturnType<typeof startHubEmulator>>;

async function answer(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  received: ReceivedCall,
): Promise<void> {
  const url = new URL(request.url ?? "/", world.origin);
  const method = request.method ?? "";
  const trouble = troubleFor(world, `${method} ${url.pathname}`);
  if (trouble?.answer === "hang") return;
  if (trouble?.answer === "cut") {
    request.once("data", () => request.socket.destroy());
    if (method === "GET") request.socket.destroy();
    return;
  }
  const body = await bodyOf(request, received);
  if (trouble !== null && trouble.answer !== "through") {
    const {
      status,
      body: text,
      headers,
    } = trouble.answer as { status: number; body: string; headers?: Record<string, string> };
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
    return;
  }
  const stored = await storageAnswer(world, { method, url, headers: request.headers, body });
  if (stored) return send(response, 200, stored.body, stored.headers);
  const as = callerOf(world, request.headers.authorization);
  for (const { method: wanted, path, act } of routes) {
    const found = path.exec(url.pathname);
    if (wanted !== method || !found) continue;
    const { body: told, headers } = act({ world, as, body, query: url.searchParams, caught: found.slice(1) });
    return send(response, 200, told, headers);
  }
  throw new HubProblem(404, "Not found");
}

/** Null without a token; a wrong one is refused. */
function callerOf({ tokens }: World, header: string | undefined): HubToken | null {
  if (header === undefined) return null;
  const found = tokens.get(header.replace(/^Bearer /, ""));
  if (!found) throw new HubProblem(401, "Invalid username or password.");
  return found;
}

function troubleFor({ behaviour }: World, call: string): HubTrouble | null {
  const found = behaviour.trouble.find(({ on, times }) => times > 0 && on.test(call));
  if (!found) return null;
  found.times -= 1;
  return found;
}

async function bodyOf(request: IncomingMessage, received: ReceivedCall): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) {
    pieces.push(piece as Buffer);
    received.bytes += (piece as Buffer).length;
  }
  return Buffer.concat(pieces);
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
