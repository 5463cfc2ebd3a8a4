import {
  type OutboundAnswer,
  OutboundError,
  type OutboundRequest,
  type OutboundService,
} from "./outbound-http.ts";

/** How the library's calls go out. */
export interface ServiceFetchOptions {
  /** The calls for an address: those of the service itself, or guarded ones for an address that its answers name. */
  httpFor: (url: URL) => OutboundService;
  /** Cut out of every answer, should a service repeat it. */
  token: string;
  /** True where the token may be sent. */
  isOwn: (url: URL) => boolean;
  signal?: AbortSignal;
  correlationId?: string;
  /** Told how much of a body has left; less than none when it is sent again from its beginning. */
  onSent?: (body: Blob, bytes: number) => void;
}

/**
 * `fetch` for a library, on the calls of this server: with its proxy, certificates, time limit and retries. Bodies are
 * sent as they are read. Every call may be repeated, and goes to the service itself or without its token.
 */
export function serviceFetch(options: ServiceFetchOptions): typeof fetch {
  return async (input, init) => {
    const request = new Request(input instanceof Request ? input.url : input, {
      method: init?.method ?? "GET",
      ...(init?.headers !== undefined && { headers: init.headers }),
    });
    const url = new URL(request.url);
    if (!options.isOwn(url)) request.headers.delete("authorization");
    const answer = await options.httpFor(url).text({
      method: methodOf(request, url),
      url: request.url,
      headers: Object.fromEntries(request.headers),
      repeat: "safe",
      ...(await bodyOf(init?.body, options.onSent)),
      ...(options.correlationId !== undefined && { correlationId: options.correlationId }),
      ...signalOf(options.signal, init?.signal),
    });
    const headers = Object.entries(answer.headers).filter(([name]) => isTold(name, answer));
    const empty = answer.status === 204 || answer.status === 304;
    const response = new Response(empty ? null : answer.body.replaceAll(options.token, "***"), {
      status: answer.status,
      headers,
    });
    Object.defineProperty(response, "url", { value: request.url });
    return response;
  };
}

/** The body is decoded; and of an error that calls itself JSON and is none, a library would tell only that. */
function isTold(name: string, { status, body }: OutboundAnswer<string>): boolean {
  if (name === "content-type" && status >= 300) return isJson(body);
  return name !== "content-encoding";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function methodOf({ method }: Request, { host }: URL): OutboundRequest["method"] {
  if (method === "GET" || method === "POST" || method === "PUT" || method === "DELETE") return method;
  throw new OutboundError(host, "not_reached", method);
}

function signalOf(
  own: AbortSignal | undefined,
  library: AbortSignal | null | undefined,
): { signal?: AbortSignal } {
  const signals = [own, library].filter((signal) => signal !== undefined && signal !== null);
  return signals.length === 0 ? {} : { signal: AbortSignal.any(signals) };
}

async function bodyOf(
  body: RequestInit["body"],
  onSent: ServiceFetchOptions["onSent"],
): Promise<Pick<OutboundRequest, "body">> {
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { body };
  const blob = body instanceof Blob ? body : await new Response(body).blob();
  let sent = 0;
  return {
    body: {
      sizeBytes: blob.size,
      async *open() {
        onSent?.(blob, -sent);
        sent = 0;
        for await (const piece of blob.stream()) {
          sent += piece.byteLength;
          onSent?.(blob, piece.byteLength);
          yield piece;
        }
      },
    },
  };
}
