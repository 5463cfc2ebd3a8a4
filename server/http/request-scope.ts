import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import {
  correlationAttribute,
  currentWork,
  inWork,
  newCorrelationId,
  noteInWork,
  type Span,
  type Tracer,
  type WorkScope,
} from "../services/handler.ts";
import { type AnsweredRequest, endpointName, type HttpMeter } from "../services/http-meter.ts";

/** Ids others may give us: short and free of anything that could break a log line. */
const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** What takes notice of requests. */
export interface RequestWatch {
  log: Logger;
  meter: HttpMeter;
  traces: Tracer | null;
  /** It is one of the storage endpoint. */
  isStorage: boolean;
}

/**
 * Gives a request its scope: the correlation id that it brought, or a new one, goes out with the answer, into every log
 * line and error of the work, and on to the services that it calls. The meter counts it once it is answered; at the level
 * `debug` it is logged then.
 */
export function inScope<Result>(
  request: IncomingMessage,
  response: ServerResponse,
  watch: RequestWatch,
  work: () => Result,
): Result {
  const given = request.headers["x-correlation-id"];
  const correlationId = typeof given === "string" && acceptable.test(given) ? given : newCorrelationId();
  response.setHeader("x-correlation-id", correlationId);
  const span = watch.traces && beginRequest(watch.traces, request, correlationId);
  return inWork({ correlationId, ...(span && { span }) }, () => {
    measure(request, response, watch);
    if (watch.log.isLevelEnabled("debug")) logAnswer(request, response, watch.log);
    return work();
  });
}

/** The span of a request, below that of whoever sent it; the scheme is that of the way here from the last proxy. */
function beginRequest(
  traces: Tracer,
  { method = "", headers, socket }: IncomingMessage,
  correlationId: string,
): Span {
  const { traceparent = null, tracestate } = headers;
  return traces.begin(method, {
    kind: "server",
    attributes: {
      "url.scheme": "encrypted" in socket ? "https" : "http",
      [correlationAttribute]: correlationId,
    },
    ...(typeof traceparent === "string" && {
      origin: { traceparent, tracestate: [tracestate ?? []].flat().join() || null },
    }),
  });
}

/**
 * Names a request's span by what answered it, never by the path that came, and ends it. Of S3 the operation is told, of
 * which object is not.
 */
function endRequest(span: Span, scope: Readonly<WorkScope>, answered: AnsweredRequest): void {
  const [method = "", route = ""] = splitOnce(endpointName(answered));
  const { storageOperation: operation, jobId, provider } = scope;
  const { status } = answered;
  span.rename(operation === undefined ? `${method} ${route}` : `S3.${operation}`);
  span.set({
    "http.request.method": method === "OTHER" ? "_OTHER" : method,
    "http.route": route,
    ...(status !== clientGone && { "http.response.status_code": status }),
    ...(operation !== undefined && {
      "rpc.system.name": "aws-api",
      "rpc.method": `S3/${operation}`,
    }),
    ...(jobId !== undefined && { "simpletuner.job.id": jobId }),
    ...(provider !== undefined && { "simpletuner.provider": provider }),
  });
  if (status >= 500) span.fail(String(status));
  span.end();
}

/** `POST` and `/api/cloud/jobs` of `POST_/api/cloud/jobs`. */
function splitOnce(name: string): [method: string, route: string] {
  const at = name.indexOf("_");
  return [name.slice(0, at), name.slice(at + 1)];
}

/** What nginx logs for a client that did not wait for its answer. */
const clientGone = 499;

function measure(
  request: IncomingMessage,
  response: ServerResponse,
  { meter, isStorage }: RequestWatch,
): void {
  const scope = currentWork();
  const measured = meter.begin();
  response.once("close", () => {
    const answered: AnsweredRequest = {
      method: request.method ?? "",
      target: request.url ?? "",
      endpoint: scope?.endpoint ?? (isStorage ? "storage" : null),
      // Who went away before anything was sent got no status at all.
      status: response.headersSent ? response.statusCode : clientGone,
    };
    measured.end(answered);
    if (scope?.span) endRequest(scope.span, scope, answered);
  });
}

/** Notes which endpoint answers the running request. */
export function nameEndpoint(endpoint: Endpoint): void {
  noteInWork({ endpoint });
}

function logAnswer(request: IncomingMessage, response: ServerResponse, log: Logger): void {
  const startedAt = performance.now();
  const [path] = (request.url ?? "").split("?", 1);
  const scope = currentWork();
  response.once("close", () => {
    const duration_ms = Math.round((performance.now() - startedAt) * 10) / 10;
    // The scope of the work that has ended by now.
    const about = {
      correlationId: scope?.correlationId ?? "",
      ...(scope?.userId !== undefined && { userId: scope.userId }),
    };
    inWork(about, () =>
      log.debug({ method: request.method, path, status: response.statusCode, duration_ms }, "answered"),
    );
  });
}

/** The correlation id of the running request; empty outside of one. */
export function currentCorrelationId(): string {
  return currentWork()?.correlationId ?? "";
}
