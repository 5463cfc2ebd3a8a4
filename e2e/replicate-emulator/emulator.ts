import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { encodeSafetensors } from "@simpletuner-cloud/trainer/safetensors.ts";
import { type Fault, type FaultSwitch, faultSwitch, type Operation } from "./faults.ts";
import { type RateLimits, rateLimiter, usualLimits } from "./rate-limits.ts";
import { found, type Route, type RouteAnswer, routesOf } from "./routes.ts";
import { ApiProblem, readBody, sendHtml, sendJson, sendProblem } from "./wire.ts";
import { type Behaviour, emulatedWorld } from "./world.ts";

/** How the emulator behaves; times in milliseconds. */
export interface EmulatorOptions extends Partial<Behaviour> {
  port?: number;
  token?: string;
  /** What `slow` answers wait. */
  slowMs?: number;
  /** What 429 asks to wait. */
  retryAfterSeconds?: number;
  /** Share of calls that fail by chance. */
  faultRate?: number;
  /** Default: Replicate's. */
  limits?: RateLimits;
  now?: () => number;
}

/** A call as it came. */
export interface SeenCall {
  operation: Operation | null;
  headers: NodeJS.Dict<string | string[]>;
  /** When, as `performance.now()`. */
  at: number;
}

const tensor = { shape: [4, 4], data: Float32Array.from({ length: 16 }, (_, index) => index / 16) };
const usualBehaviour: Behaviour = {
  startMs: 100,
  trainMs: 400,
  failure: null,
  fateOf: null,
  cancelsTooLate: false,
  files: {
    "pytorch_lora_weights.safetensors": encodeSafetensors(new Map([["lora.down.weight", tensor]]), {
      format: "pt",
    }),
  },
  says: null,
  predictor: "public",
  hub: null,
  webhookFaults: { dropped: 0, doubled: 0, misSigned: 0, delayMs: 0 },
  statusPage: {
    page_title: "Replicate",
    page_url: "https://www.replicatestatus.com",
    ongoing_incidents: [],
    in_progress_maintenances: [],
    scheduled_maintenances: [],
  },
};

/** A file of 100 MiB and what surrounds it in its form. */
const largestBodyBytes = (100 << 20) + 4_096;

/** Replicate's HTTP API on this machine, as far as training uses it, with trainings that take a moment. */
export async function startReplicateEmulator(options: EmulatorOptions = {}) {
  const token = options.token ?? `r8_${randomBytes(20).toString("hex")}`;
  const now = options.now ?? Date.now;
  const behaviour: Behaviour = { ...usualBehaviour, ...options };
  const faults = faultSwitch(options.faultRate ?? 0);
  const count = rateLimiter(options.limits ?? usualLimits);
  const calls: SeenCall[] = [];
  const folder = await mkdtemp(join(tmpdir(), "replicate-emulator-"));
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (error instanceof ApiProblem) sendProblem(response, error);
      // What was still slow when everything ended finds its folder gone; a caller may die while it sends.
      else if (server.listening && request.complete) {
        process.stderr.write(`${(error as Error).stack}\n`);
        response.destroy();
      }
    });
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const world = emulatedWorld({ folder, origin, now, behaviour });
  const routes = routesOf(world, behaviour, now);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", origin);
    const route = routes.find(({ method, path }) => method === request.method && path.test(url.pathname));
    const operation = route?.operation ?? null;
    calls.push({ operation, headers: request.headers, at: performance.now() });
    const body = await readBody(request, largestBodyBytes);
    if (body === null) return sendHtml(response, 413, "Request Entity Too Large");
    const { path } = found(route);
    if (operation !== "output" && operation !== "status" && !hasToken(request, token))
      throw new ApiProblem(401, "Unauthenticated", "You did not pass a valid authentication token");
    count(found(route).operation);
    const caught = path.exec(url.pathname)?.slice(1) ?? [];
    const contentType = request.headers["content-type"] ?? "";
    await answerWith(faults, options, response, found(route), () =>
      found(route).act({ caught, query: url.searchParams, body, contentType }),
    );
  }

  return {
    ...world,
    statusUrl: `${origin}/status/api/v1/summary`,
    token,
    behaviour,
    faults,
    calls,
    async close(): Promise<void> {
      await world.webhooks.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** See {@link startReplicateEmulator}. */
export type ReplicateEmulator = Awaited<ReturnType<typeof startReplicateEmulator>>;

/** Acts and answers, with the fault that is due. */
async function answerWith(
  faults: FaultSwitch,
  { slowMs = 1_500, retryAfterSeconds = 1 }: EmulatorOptions,
  response: ServerResponse,
  { operation }: Route,
  act: () => Promise<RouteAnswer> | RouteAnswer,
): Promise<void> {
  const fault = faults.take(operation);
  if (fault === "429-header") response.setHeader("retry-after", String(retryAfterSeconds));
  if (fault !== null) refuse(fault, retryAfterSeconds);
  if (fault === "500") return sendHtml(response, 500, "Internal Server Error");
  if (fault === "cut") return void response.destroy();
  if (fault === "slow") await delay(slowMs);
  const answer = await act();
  if (fault === "lost") response.destroy();
  else if (answer.bytes) response.writeHead(200, { "content-length": answer.bytes.length }).end(answer.bytes);
  else if (answer.body === undefined) response.writeHead(answer.status).end();
  else sendJson(response, answer.status, answer.body);
}

function refuse(fault: Fault, seconds: number): void {
  if (fault === "expired") throw new ApiProblem(404, "", "Not found");
  if (fault !== "429" && fault !== "429-header") return;
  const more = fault === "429" ? { retry_after: seconds } : {};
  throw new ApiProblem(429, "", `Request was throttled. Your rate limit resets in ~${seconds}s.`, more);
}

function hasToken({ headers }: IncomingMessage, token: string): boolean {
  return [`Bearer ${token}`, `Token ${token}`].includes(headers.authorization ?? "");
}
