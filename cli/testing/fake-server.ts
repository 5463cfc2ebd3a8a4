import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import {
  errorSentence,
  errorTable,
  type ErrorCode,
  type ErrorDetails,
} from "@simpletuner-cloud/contract/errors.ts";

/** A request as a fake answer sees it. */
export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

/** Answers a route with JSON, or takes over the response (streams, cut connections) and answers undefined. */
export type FakeAnswer = (asked: Asked, response: ServerResponse) => unknown;

/** A failing answer as the real server gives it. */
export class FakeError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(errorSentence(code, details));
    this.code = code;
    this.details = details;
  }
}

/** A server on a free port whose routes are `METHOD /path` with `*` for one path part. */
export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  /** Every request so far as `METHOD /path`. */
  readonly asked: string[];
  /** Routes may be replaced while it runs. */
  readonly routes: Record<string, FakeAnswer>;
}

/** Starts a {@link FakeServer}; `port` 0 takes a free one. */
export async function fakeServer(routes: Record<string, FakeAnswer>, port = 0): Promise<FakeServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void answer(routes, asked, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    asked,
    routes,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  routes: Record<string, FakeAnswer>,
  asked: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const place = `${request.method} ${url.pathname}`;
  asked.push(place);
  const found = Object.keys(routes).find((route) =>
    new RegExp(`^${route.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]+")}$`).test(place),
  );
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  try {
    if (found === undefined) throw new FakeError("not_found", { path: place });
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const result = await routes[found]?.(
      { path: url.pathname, query: url.searchParams, headers: request.headers, body },
      response,
    );
    if (result !== undefined) send(200, result);
  } catch (error) {
    if (!(error instanceof FakeError)) throw error;
    const body = { error: error.code, message: error.message, details: error.details, correlation_id: "c-1" };
    send(errorTable[error.code][0], body);
  }
}

/** A job in `status` with the fields that matter to a test. */
export function fakeJob(changes: Partial<Job> = {}): Job {
  const status = changes.status ?? "running";
  const ended = ["completed", "failed", "cancelled"].includes(status);
  return {
    job_id: "0198a000-0000-7000-8000-000000000001",
    job_type: "local",
    provider: "local",
    name: "demo",
    config_name: "demo",
    model_family: null,
    user_id: "local",
    created_at: "2026-01-31T10:20:30.123Z",
    started_at: null,
    completed_at: null,
    updated_at: "2026-01-31T10:20:30.123Z",
    duration_seconds: ended ? 42 : null,
    is_active: !ended,
    is_terminal: ended,
    queue_position: status === "pending" ? 1 : null,
    attempt: 1,
    max_attempts: 3,
    cancel_requested: false,
    cost_usd: null,
    estimated_cost_usd: null,
    hardware_type: null,
    error_code: null,
    error_message: null,
    output_url: null,
    retry_of: null,
    progress: null,
    upload_progress: null,
    metadata: {},
    ...changes,
    status,
  };
}

/** A stored event of {@link fakeJob}'s job. */
export function fakeEvent(id: number, type: string, data: JobEvent["data"] = {}): JobEvent {
  return { id, job_id: fakeJob().job_id, type, at: "2026-01-31T10:20:30.123Z", data };
}

/** The bytes of an event as the event stream sends it. */
export function streamed(event: JobEvent, job: Job | null = null): string {
  const id = event.id > 0 ? `id: ${event.id}\n` : "";
  return `event: ${event.type}\n${id}data: ${JSON.stringify({ ...event, job })}\n\n`;
}
