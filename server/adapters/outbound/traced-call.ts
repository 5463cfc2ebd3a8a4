import { currentWork, inSpan } from "../../domain/work-scope.ts";
import { isOfOwnNetwork } from "./address-guard.ts";
import type { OutboundAnswer, OutboundRequest } from "./outbound-http.ts";

/** One attempt of a call. */
export interface Attempt {
  request: OutboundRequest;
  /** The service that is called. */
  name: string;
  /** Attempts before this one. */
  made: number;
}

/**
 * Makes an attempt in a span of its own, which tells the host and the status but no path, query or header; without a
 * trace around it, it is only made. Where the call stays in the network of whoever runs the server, the trace goes along;
 * a service on the internet learns nothing of it.
 */
export async function tracedCall<Answer extends OutboundAnswer<unknown>>(
  { request, name, made }: Attempt,
  send: (request: OutboundRequest) => Promise<Answer>,
): Promise<Answer> {
  const around = currentWork()?.span;
  if (around === undefined) return send(request);
  const { hostname, port, protocol } = new URL(request.url);
  const span = around.begin(`${request.method} ${name}`, {
    kind: "client",
    attributes: {
      "http.request.method": request.method,
      "server.address": hostname,
      "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      "url.scheme": protocol.slice(0, -1),
      "service.peer.name": name,
      ...(made > 0 && { "http.request.resend_count": made }),
    },
  });
  const { traceparent, tracestate } = span ?? around;
  const headers = isOfOwnNetwork(hostname)
    ? { traceparent, ...(tracestate !== null && { tracestate }), ...request.headers }
    : request.headers;
  return inSpan(span, async () => {
    const answer = await send({ ...request, ...(headers && { headers }) });
    span?.set({ "http.response.status_code": answer.status });
    // A client takes any of these for a failure, whatever it makes of it.
    if (answer.status >= 400) span?.fail(String(answer.status));
    return answer;
  });
}
