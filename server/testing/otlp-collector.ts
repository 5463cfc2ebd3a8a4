import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as a collector receives it, attributes as plain values. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  attributes: Record<string, unknown>;
  /** 2 is an error. */
  statusCode: number;
}

/** A collector of traces for tests: takes OTLP over HTTP in JSON. */
export interface OtlpCollector {
  readonly endpoint: string;
  /** What it does with a request; `hangs` never answers. */
  mode: "takes" | "refuses" | "hangs";
  /** Of every request, also those that it refused. */
  readonly requests: { headers: IncomingHttpHeaders; path: string; body: string }[];
  /** Of the process that sent them. */
  readonly resource: Record<string, unknown>;
  /** Spans that it took. */
  readonly spans: ReceivedSpan[];
  close(): Promise<void>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface WireSpan extends Omit<ReceivedSpan, "attributes" | "statusCode"> {
  attributes?: Attribute[];
  status?: { code?: number };
}

interface ExportRequest {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: WireSpan[] }[];
  }[];
}

/** Starts a collector on a free port of this machine. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request.setEncoding("utf8")) body += piece;
    collector.requests.push({ headers: request.headers, path: request.url ?? "", body });
    if (collector.mode === "hangs") return;
    if (collector.mode === "refuses") return void response.writeHead(400).end();
    take(collector, JSON.parse(body) as ExportRequest);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const collector: OtlpCollector = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mode: "takes",
    requests: [],
    resource: {},
    spans: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return collector;
}

function take({ spans, resource }: OtlpCollector, { resourceSpans }: ExportRequest): void {
  for (const { resource: sender, scopeSpans } of resourceSpans) {
    Object.assign(resource, plain(sender.attributes));
    for (const { attributes = [], status, ...span } of scopeSpans.flatMap((scope) => scope.spans))
      spans.push({
        ...span,
        parentSpanId: span.parentSpanId ?? "",
        attributes: plain(attributes),
        statusCode: status?.code ?? 0,
      });
  }
}

function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
