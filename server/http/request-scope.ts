import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { currentWork, inWork, newCorrelationId, noteInWork } from "../services/handler.ts";
import type { HttpMeter } from "../services/http-meter.ts";

/** Ids others may give us: short and free of anything that could break a log line. */
const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** What takes notice of requests. */
export interface RequestWatch {
  log: Logger;
  meter: HttpMeter;
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
  return inWork({ correlationId }, () => {
    measure(request, response, watch);
    if (watch.log.isLevelEnabled("debug")) logAnswer(request, response, watch.log);
    return work();
  });
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
  response.once("close", () =>
    measured.end({
      method: request.method ?? "",
      target: request.url ?? "",
      endpoint: scope?.endpoint ?? (isStorage ? "storage" : null),
      // Who went away before anything was sent got no status at all.
      status: response.headersSent ? response.statusCode : clientGone,
    }),
  );
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
