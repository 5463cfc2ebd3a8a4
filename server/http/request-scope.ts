import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import type { HttpMeter } from "../services/http-meter.ts";

/** What belongs to one request or one loop run and goes into each of its log lines. */
export interface RequestScope {
  correlationId: string;
  /** The endpoint that answers, once it is known. */
  endpoint?: Endpoint;
}

const scopes = new AsyncLocalStorage<RequestScope>();

/** Ids others may give us: short and free of anything that could break a log line. */
const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Takes over a given correlation id, or makes one of 12 characters (CONTRACT 0.3): the random end of a UUID, which
 * Node makes from a stock of random bytes, several times faster than fetching six.
 */
function correlationIdOf(given: string | undefined): string {
  return given !== undefined && acceptable.test(given) ? given : randomUUID().slice(-12);
}

/**
 * Gives a request its scope: the id goes out with the answer, and into every log line and error of the work. The meter
 * counts it once it is answered; `isStorage`: it is one of the storage endpoint.
 */
export function inScope<Result>(
  request: IncomingMessage,
  response: ServerResponse,
  { meter, isStorage }: { meter: HttpMeter; isStorage: boolean },
  work: () => Result,
): Result {
  const given = request.headers["x-correlation-id"];
  const correlationId = correlationIdOf(typeof given === "string" ? given : undefined);
  response.setHeader("x-correlation-id", correlationId);
  const scope: RequestScope = { correlationId };
  const measured = meter.begin();
  response.once("close", () =>
    measured.end({
      method: request.method ?? "",
      target: request.url ?? "",
      endpoint: scope.endpoint ?? (isStorage ? "storage" : null),
      // Who went away before anything was sent got no status at all.
      status: response.headersSent ? response.statusCode : clientGone,
    }),
  );
  return scopes.run(scope, work);
}

/** What nginx logs for a client that did not wait for its answer. */
const clientGone = 499;

/** Notes which endpoint answers the running request. */
export function nameEndpoint(endpoint: Endpoint): void {
  const scope = scopes.getStore();
  if (scope) scope.endpoint = endpoint;
}

/** The scope of the running request, if there is one. */
export function currentScope(): RequestScope | undefined {
  return scopes.getStore();
}

/** The correlation id of the running request; empty outside of one. */
export function currentCorrelationId(): string {
  return scopes.getStore()?.correlationId ?? "";
}
