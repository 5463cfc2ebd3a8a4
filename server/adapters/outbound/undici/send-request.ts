import { Readable } from "node:stream";
import { request as undiciRequest } from "undici";
import { currentWork, newCorrelationId } from "../../../domain/work-scope.ts";
import {
  OutboundError,
  type OutboundProblem,
  type OutboundRequest,
  type StreamedBody,
} from "../outbound-http.ts";
import type { Connections } from "./connections.ts";

/** An answer whose body has not been read. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: Readable;
}

/** Sends a request once. Throws {@link OutboundError} and the signal's reason. */
export async function sendRequest(
  { dispatcher, timeoutMs }: Connections,
  request: OutboundRequest,
): Promise<RawAnswer> {
  request.signal?.throwIfAborted();
  const { host } = new URL(request.url);
  const silence = new AbortController();
  const watch = silenceWatch(request.patienceMs ?? timeoutMs, silence);
  const signals = [silence.signal, ...(request.signal ? [request.signal] : [])];
  const body = typeof request.body === "object" ? watchedBody(request.body, watch) : null;
  try {
    const answer = await undiciRequest(request.url, {
      dispatcher,
      method: request.method,
      headers: headersOf(request),
      body: body?.stream ?? (request.body as string | undefined) ?? null,
      signal: AbortSignal.any(signals),
      ...(request.patienceMs !== undefined && { headersTimeout: request.patienceMs }),
    });
    return { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
  } catch (error) {
    request.signal?.throwIfAborted();
    // What is wrong with the body's own source is no fault of the service.
    if (body?.error) throw body.error;
    throw silence.signal.aborted ? new OutboundError(host, "silent", null) : asOutboundError(host, error);
  } finally {
    watch.end();
  }
}

/** The {@link OutboundError} of what undici threw. */
export function asOutboundError(host: string, error: unknown): OutboundError {
  if (error instanceof OutboundError) return error;
  const { code = null, message = "" } = error as { code?: string; message?: string };
  const refused = /^Proxy response \((\d+)\)/.exec(message);
  if (refused) return new OutboundError(host, "proxy_refused", `status ${refused[1]}`);
  const problem = problemOf(code, message);
  return new OutboundError(host, problem, problem === "address_refused" ? null : code);
}

function problemOf(code: string | null, message: string): OutboundProblem {
  if (code === "ERR_ADDRESS_REFUSED") return "address_refused";
  if (code === null) return "cut_off";
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code))
    return "not_reached";
  if (code === "ETIMEDOUT" && message.startsWith("connect ")) return "not_reached";
  if (/CERT|SIGNATURE|SELF_SIGNED|^ERR_TLS/.test(code)) return "untrusted_certificate";
  return /TIMEOUT|ETIMEDOUT/.test(code) ? "silent" : "cut_off";
}

function headersOf(request: OutboundRequest): Record<string, string> {
  return {
    "user-agent": "SimpleTuner-Cloud/1.0",
    "x-correlation-id": request.correlationId ?? currentWork()?.correlationId ?? newCorrelationId(),
    ...request.headers,
    ...(typeof request.body === "object" && { "content-length": String(request.body.sizeBytes) }),
  };
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}

interface SilenceWatch {
  heard(): void;
  end(): void;
}

/**
 * Ends a call whose body nobody takes any more; undici's own limits begin when the body has been sent. The time covers
 * connecting and waiting for the answer.
 */
function silenceWatch(timeoutMs: number, silence: AbortController): SilenceWatch {
  const timer = setTimeout(() => silence.abort(), timeoutMs * 2 + 1_000);
  return { heard: () => timer.refresh(), end: () => clearTimeout(timer) };
}

/** The body as a stream that tells the watch of each piece, and keeps what went wrong while it was read. */
function watchedBody(body: StreamedBody, watch: SilenceWatch) {
  const watched: { stream: Readable; error: unknown } = { stream: Readable.from([]), error: null };
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of body.open()) {
        watch.heard();
        yield piece;
      }
    } catch (error) {
      watched.error = error;
      throw error;
    }
    watch.heard();
  }
  watched.stream = Readable.from(read(), { objectMode: false });
  return watched;
}
