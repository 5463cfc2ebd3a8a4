import type { Api } from "./api.ts";
import type { Endpoint, InputOf, OutputOf } from "./endpoint.ts";
import type { ErrorBody, ErrorCode, ErrorDetails } from "./errors.ts";

type EndpointsOf<T> = T[keyof T] extends infer Group
  ? Group extends unknown
    ? Group[keyof Group]
    : never
  : never;
type AnyEndpoint = Extract<EndpointsOf<Api>, Endpoint>;
/** Made once, so that the type checker looks the endpoint of a call up instead of trying them all. */
type EndpointByRoute = { [E in AnyEndpoint as `${E["method"]} ${E["path"]}`]: E };

/** Every route as `METHOD /path/{parameter}`. */
export type Route = keyof EndpointByRoute;

type EndpointAt<R extends Route> = EndpointByRoute[R];

type RequestOf<E extends Endpoint> = {
  params?: InputOf<E>["params"];
  query?: InputOf<E>["query"];
  body?: InputOf<E>["body"];
} & (E["path"] extends `${string}{${string}` ? { params: InputOf<E>["params"] } : unknown) &
  (E extends { body: unknown } ? { body: InputOf<E>["body"] } : unknown);

type MaybeRequest<E extends Endpoint> =
  object extends RequestOf<E>
    ? [request?: RequestOf<E> & CallOptions]
    : [request: RequestOf<E> & CallOptions];

/** Options of one call. */
export interface CallOptions {
  signal?: AbortSignal;
}

/** An error answer of the server, or `unreachable` when none came. */
export class ApiError extends Error {
  readonly code: ErrorCode | "unreachable";
  readonly status: number;
  readonly details: ErrorDetails;
  readonly correlationId: string;

  constructor(
    status: number,
    code: ErrorCode | "unreachable",
    message: string,
    details: ErrorDetails,
    correlationId: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
    this.correlationId = correlationId;
  }
}

/** A typed caller of the API: `await call("GET /api/cloud/jobs/{job_id}", { params: { job_id } })`. */
export type ApiClient = <R extends Route>(
  route: R,
  ...request: MaybeRequest<EndpointAt<R>>
) => Promise<OutputOf<EndpointAt<R>>>;

/** The URL path and query of a route; parameters are escaped, undefined query values left out. */
export function routeUrl(
  route: Route,
  request: { params?: object | undefined; query?: object | undefined } = {},
): string {
  const params = (request.params ?? {}) as Record<string, unknown>;
  const path = route
    .slice(route.indexOf(" ") + 1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

/**
 * Makes a client of the server at `baseUrl` ("" = this page's origin).
 * Every failed call throws an {@link ApiError} whose message can be shown to a person.
 */
export function apiClient(
  baseUrl: string,
  headers: Record<string, string> = {},
  fetcher: typeof fetch = fetch,
): ApiClient {
  return async (route, ...[request]) => {
    const sent = (request ?? {}) as { params?: object; query?: object; body?: unknown; signal?: AbortSignal };
    const url = baseUrl + routeUrl(route, sent);
    const init: RequestInit = {
      method: route.slice(0, route.indexOf(" ")),
      headers: { accept: "application/json", ...headers },
    };
    if (sent.body !== undefined) {
      init.body = JSON.stringify(sent.body);
      init.headers = { ...init.headers, "content-type": "application/json" };
    }
    if (sent.signal) init.signal = sent.signal;
    const response = await fetcher(url, init).catch((cause: unknown) => {
      if (sent.signal?.aborted) throw cause;
      throw new ApiError(
        0,
        "unreachable",
        `The server at ${baseUrl || "this address"} does not answer.`,
        {},
        "",
        cause,
      );
    });
    if (!response.ok) throw await errorOf(response);
    return (await response.json()) as never;
  };
}

/** Reads an error answer; an answer that is not ours (a proxy's page) keeps its status. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  const correlationId = response.headers.get("x-correlation-id") ?? "";
  try {
    const body = JSON.parse(text) as ErrorBody;
    if (typeof body.error === "string" && typeof body.message === "string") {
      return new ApiError(
        response.status,
        body.error,
        body.message,
        body.details ?? {},
        body.correlation_id ?? correlationId,
      );
    }
  } catch {
    // Not JSON: a proxy or another server answered; the status below is all there is.
  }
  return new ApiError(
    response.status,
    "internal",
    `The server answered ${response.status} ${response.statusText}.`,
    {},
    correlationId,
  );
}
