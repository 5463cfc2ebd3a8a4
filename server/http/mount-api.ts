import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, Hono } from "hono";
import type { Logger } from "pino";
import { api } from "@simpletuner-cloud/contract/api.ts";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";

import type { AccessWatch } from "../services/access-watch.ts";
import type { Denials } from "../services/denials.ts";
import {
  anonymous,
  type FileDownload,
  type Handlers,
  noteInWork,
  PreparedJson,
  type RequestContext,
  type StreamMessage,
} from "../services/handler.ts";
import { type Authenticate, isLocal, proofOf } from "./authenticate.ts";
import { callerAllowed } from "./caller-allowed.ts";
import type { ClientAddress } from "./client-address.ts";
import { errorAnswer } from "./errors.ts";
import { writeEventStream, writeText } from "./event-stream.ts";
import { writeDownload } from "./file-download.ts";
import type { OwnPages } from "./own-pages.ts";
import { check, checkQuery, readBounded, readJson, validatorOf } from "./parse-input.ts";
import { currentCorrelationId, nameEndpoint } from "./request-scope.ts";

/** Handlers for every endpoint of the contract: one that is missing does not compile. */
export type AllHandlers = { [Group in keyof typeof api]: Handlers<(typeof api)[Group]> };

/** Who causes a request, and from where; the id is empty for anonymous callers. */
export interface RequestOrigin {
  actorId: string;
  actorName: string;
  address: string;
}

/** What mounting needs. */
export interface MountOptions {
  handlers: AllHandlers;
  authenticate: Authenticate;
  ownPages: OwnPages;
  accessWatch: AccessWatch;
  denials: Denials;
  /** Runs work so that what it stores tells who caused it. */
  onBehalfOf<Result>(origin: RequestOrigin, work: () => Result): Result;
  /** Who is at the other end, proxies that are trusted left out. */
  clientAddress: ClientAddress;
  log: Logger;
  /** Ends open streams when the server stops. */
  stopping: AbortSignal;
  /** Tests turn it on: an answer that breaks the contract becomes an error. */
  checkAnswers: boolean;
}

/** The Hono application with Node's request and response at hand. */
export type NodeApp = Hono<{ Bindings: HttpBindings }>;
type NodeContext = Context<{ Bindings: HttpBindings }>;
type AnyHandler = (
  input: { params: unknown; query: unknown; body: unknown },
  context: RequestContext,
) => Promise<unknown>;

/**
 * Mounts every endpoint of the contract the same way: correlation id, authentication, permission, parsing, the
 * handler, the answer, errors. Nothing else in the product declares a JSON route.
 */
export function mountApi(app: NodeApp, options: MountOptions): void {
  for (const [group, table] of Object.entries(api)) {
    for (const [name, endpoint] of Object.entries(table) as [string, Endpoint][]) {
      const handlers = options.handlers[group as keyof AllHandlers] as unknown as Record<string, AnyHandler>;
      const handler = handlers[name];
      if (!handler) throw new Error(`${group}.${name} has no handler`);
      const path = endpoint.path.replaceAll(/\{(\w+)\}/g, ":$1");
      app.on(endpoint.method, path, (context) => answer(endpoint, handler, context, options));
    }
  }
}

async function answer(
  endpoint: Endpoint,
  handler: AnyHandler,
  context: NodeContext,
  options: MountOptions,
): Promise<Response> {
  const { outgoing } = context.env;
  nameEndpoint(endpoint);
  const correlationId = currentCorrelationId();
  let caller: Caller | null = null;
  try {
    // Who calls is settled before anything they sent is looked at.
    caller = await options.authenticate(context.env.incoming);
    if (caller) noteInWork({ userId: caller.userId });
    admit(endpoint, context, caller, options);
    const requestContext = contextOf(endpoint, context, caller, options, correlationId);
    const input = await inputOf(endpoint, context);
    const result = await options.onBehalfOf(originOf(caller, requestContext), () =>
      handler(input, requestContext),
    );
    if (!("stream" in endpoint.answer)) return jsonAnswer(outgoing, endpoint, result, options);
    if (endpoint.answer.stream === "sse")
      await writeEventStream(outgoing, result as AsyncIterable<StreamMessage>, options.stopping);
    else if (endpoint.answer.stream === "metrics") writeMetrics(outgoing, result as string);
    else if (endpoint.answer.stream === "zip")
      await writeDownload(outgoing, result as FileDownload, requestContext.closed);
    else
      await writeText(outgoing, result as AsyncIterable<string>, fileNameOf(endpoint.answer.fileName, input));
    return RESPONSE_ALREADY_SENT;
  } catch (error) {
    const { status, body } = errorAnswer(error, correlationId, options.log);
    if (caller && error instanceof Failure) tellDenial(error, caller, endpoint, context, options);
    if (outgoing.headersSent) {
      outgoing.destroy();
      return RESPONSE_ALREADY_SENT;
    }
    const { retry_after_seconds: wait } = body.details;
    if (typeof wait === "number") outgoing.setHeader("retry-after", wait);
    return sendJson(outgoing, JSON.stringify(body), status);
  }
}

/** The text format that every Prometheus reads. */
function writeMetrics(outgoing: HttpBindings["outgoing"], text: string): void {
  outgoing.writeHead(200, {
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  outgoing.end(text);
}

function closedSignal(outgoing: HttpBindings["outgoing"]): AbortSignal {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  if (outgoing.destroyed) gone.abort();
  return gone.signal;
}

/** Throws unless the request may be answered: it comes from our own page, and from somebody who may ask. */
function admit(
  endpoint: Endpoint,
  { env: { incoming } }: NodeContext,
  caller: Caller | null,
  { ownPages }: MountOptions,
): void {
  if (endpoint.method !== "GET") ownPages.refuseOthers(incoming, caller);
  callerAllowed(endpoint, caller, proofOf(incoming) !== null);
}

function contextOf(
  endpoint: Endpoint,
  context: NodeContext,
  caller: Caller | null,
  options: MountOptions,
  correlationId: string,
): RequestContext {
  const { incoming, outgoing } = context.env;
  const lastEventId = incoming.headers["last-event-id"];
  const apiKey = incoming.headers["x-api-key"];
  let closed: AbortSignal | undefined;
  return {
    caller: caller ?? anonymous,
    correlationId,
    lastEventId: typeof lastEventId === "string" ? lastEventId : null,
    apiKey: typeof apiKey === "string" ? apiKey : null,
    proof: proofOf(incoming),
    header: (name) => {
      const value = incoming.headers[name];
      return typeof value === "string" ? value : null;
    },
    client: {
      address: options.clientAddress(incoming),
      isLocal: isLocal(incoming),
      userAgent: incoming.headers["user-agent"] ?? "",
    },
    setSession: (session) =>
      void outgoing.appendHeader("set-cookie", options.ownPages.cookiesOf(incoming, session)),
    // Made when asked for: a short answer has no use for it, and it costs as much as reading a job.
    get closed() {
      closed ??= isEventStream(endpoint)
        ? streamClosed(incoming, outgoing, caller, options)
        : closedSignal(outgoing);
      return closed;
    },
  };
}

function isEventStream({ answer: declared }: Endpoint): boolean {
  return "stream" in declared && declared.stream === "sse";
}

/** An event stream ends with its connection, when the server stops, and when its reader's rights change. */
function streamClosed(
  incoming: HttpBindings["incoming"],
  outgoing: HttpBindings["outgoing"],
  caller: Caller | null,
  options: MountOptions,
): AbortSignal {
  const closed = AbortSignal.any([closedSignal(outgoing), options.stopping]);
  return caller ? AbortSignal.any([closed, rightsLost(incoming, caller, closed, options)]) : closed;
}

/** Aborts once the caller is not let in any more or may do something else than when the stream was opened. */
function rightsLost(
  incoming: HttpBindings["incoming"],
  caller: Caller,
  closed: AbortSignal,
  { authenticate, accessWatch, log }: MountOptions,
): AbortSignal {
  const lost = new AbortController();
  const look = async (): Promise<void> => {
    const present = await authenticate(incoming, false);
    if (present?.userId !== caller.userId || present.grants.join() !== caller.grants.join()) lost.abort();
  };
  const stop = accessWatch.watch(
    () =>
      void look().catch((error: unknown) => log.warn({ err: error }, "a stream's rights were not looked at")),
  );
  closed.addEventListener("abort", stop, { once: true });
  if (closed.aborted) stop();
  return lost.signal;
}

function tellDenial(
  { code, details }: Failure,
  caller: Caller,
  { method }: Endpoint,
  context: NodeContext,
  { denials, clientAddress }: MountOptions,
): void {
  if (code !== "permission_denied" && code !== "api_key_scope") return;
  const permission = String(details["permission"]);
  const address = clientAddress(context.env.incoming);
  denials.record({ caller, permission, address, method, path: context.req.path.slice(0, 200) });
}

async function inputOf(endpoint: Endpoint, context: NodeContext) {
  return {
    params: endpoint.params ? check(endpoint.params, context.req.param(), "path") : {},
    query: endpoint.query ? checkQuery(endpoint.query, searchOf(context.env.incoming.url ?? "")) : {},
    body: await bodyOf(endpoint, context.env.incoming),
  };
}

async function bodyOf({ rawBody, body }: Endpoint, incoming: HttpBindings["incoming"]): Promise<unknown> {
  if (rawBody) return () => readBounded(incoming, rawBody.limitBytes);
  return body ? check(body, await readJson(incoming), "body") : undefined;
}

/** The query of a request target, without parsing the rest of the address. */
function searchOf(target: string): URLSearchParams {
  const start = target.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : target.slice(start + 1));
}

function jsonAnswer(
  outgoing: HttpBindings["outgoing"],
  endpoint: Endpoint,
  result: unknown,
  options: MountOptions,
): Response {
  const text = result instanceof PreparedJson ? result.text : JSON.stringify(result);
  if (options.checkAnswers && !("stream" in endpoint.answer)) {
    const validator = validatorOf(endpoint.answer);
    const value: unknown = JSON.parse(text);
    if (!validator.Check(value)) {
      const [first] = validator.Errors(value);
      throw new Error(
        `${endpoint.method} ${endpoint.path} breaks its contract at ${first?.instancePath}: ${first?.message}`,
      );
    }
  }
  return sendJson(outgoing, text, endpoint.status ?? 200);
}

const jsonHeaders = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Answers JSON on Node's own response: head and body leave in one write, which a web Response's stream cannot do. */
function sendJson(outgoing: HttpBindings["outgoing"], text: string, status: number): Response {
  outgoing.writeHead(status, { ...jsonHeaders, "content-length": Buffer.byteLength(text) });
  outgoing.end(text);
  return RESPONSE_ALREADY_SENT;
}

/** The JSON answer of this status; headers every answer has are set on Node's response already. */
export function jsonResponse(text: string, status: number): Response {
  return new Response(text, { status, headers: jsonHeaders });
}

function fileNameOf(pattern: string, { params, query }: { params: unknown; query: unknown }): string {
  const values = { ...(query as object), ...(params as object) } as Record<string, unknown>;
  return pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    String(values[name] ?? "").replaceAll(/[^\w-]/g, "_"),
  );
}

function originOf(caller: Caller | null, { client }: RequestContext): RequestOrigin {
  return { actorId: caller?.userId ?? "", actorName: caller?.username ?? "", address: client.address };
}
