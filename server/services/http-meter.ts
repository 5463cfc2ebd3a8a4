import { api } from "@simpletuner-cloud/contract/api.ts";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import type { Counter, Histogram } from "prom-client";
import type { MetricRegistry, Sample, Told } from "./metric-registry.ts";
import { storagePath } from "./results.ts";

/** A request that was answered. */
export interface AnsweredRequest {
  method: string;
  /** Path and query, as they came. */
  target: string;
  /** What answered it; null where no route was reached. */
  endpoint: Endpoint | "storage" | null;
  status: number;
}

/** Counts requests and measures how long their answers take. */
export interface HttpMeter {
  /** A request came. */
  begin(): { end(answered: AnsweredRequest): void };
  /** What is told when somebody scrapes. */
  collect(): Promise<Told>;
}

/** What is counted of one endpoint. */
interface EndpointMeter {
  requests: Counter.Internal;
  seconds: Histogram.Internal<string>;
  /** Milliseconds of the answers that were measured, and how many these were. */
  totalMs: number;
  measured: number;
}

/**
 * Counts by endpoint as the contract declares it, never by the path that came, so that there are only so many series
 * however strange the requests are.
 */
export function httpMeter(metrics: MetricRegistry): HttpMeter {
  const requests = metrics.counter("simpletuner_http_requests_total");
  const errors = metrics.counter("simpletuner_http_errors_total");
  const seconds = metrics.histogram("simpletuner_http_request_duration_seconds");
  const meters = new Map<string, EndpointMeter>();
  let inFlight = 0;
  const meterOf = (endpoint: string): EndpointMeter => {
    let meter = meters.get(endpoint);
    if (!meter) {
      meter = {
        requests: requests.labels(endpoint),
        seconds: seconds.labels(endpoint),
        totalMs: 0,
        measured: 0,
      };
      meters.set(endpoint, meter);
    }
    return meter;
  };
  return {
    begin() {
      const startedAt = performance.now();
      inFlight++;
      return {
        end(answered) {
          inFlight--;
          const name = endpointName(answered);
          const meter = meterOf(name);
          meter.requests.inc();
          if (answered.status >= 400) errors.inc({ endpoint_status: `${name}_${answered.status}` });
          if (isEventStream(answered.endpoint)) return;
          const tookMs = performance.now() - startedAt;
          meter.seconds.observe(tookMs / 1_000);
          meter.totalMs += tookMs;
          meter.measured++;
        },
      };
    },
    async collect() {
      const averages: Sample[] = [];
      for (const [endpoint, { totalMs, measured }] of meters)
        if (measured > 0)
          averages.push({ labels: { endpoint }, value: Math.round((totalMs / measured) * 1_000) / 1_000 });
      return {
        simpletuner_http_request_latency_ms_avg: averages,
        simpletuner_http_requests_in_flight: [{ value: inFlight }],
      };
    },
  };
}

/** An event stream stays open for hours, which says nothing of how fast the server is. */
function isEventStream(endpoint: AnsweredRequest["endpoint"]): boolean {
  return (
    endpoint !== null &&
    endpoint !== "storage" &&
    "stream" in endpoint.answer &&
    endpoint.answer.stream === "sse"
  );
}

const knownMethods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);

/** `POST_/api/cloud/jobs/submit`: one of a bounded number of names. */
export function endpointName({ method: given, target, endpoint }: AnsweredRequest): string {
  const method = knownMethods.has(given) ? given : "OTHER";
  if (endpoint === "storage") return `${method}_${storagePath}`;
  if (endpoint !== null) return `${endpoint.method}_${endpoint.path}`;
  const path = target.split("?", 1)[0] ?? "";
  if (!path.startsWith("/api/")) return `${method}_/{page}`;
  // Refused before any route was looked for, as by a limit.
  const found = patterns().find((one) => one.method === given && one.pattern.test(path));
  return found?.name ?? `${method}_/api/{unknown}`;
}

interface EndpointPattern {
  method: string;
  pattern: RegExp;
  name: string;
}

let compiled: readonly EndpointPattern[] | null = null;

function patterns(): readonly EndpointPattern[] {
  compiled ??= Object.values(api)
    .flatMap((table) => Object.values(table) as Endpoint[])
    .map(({ method, path }) => ({
      method,
      pattern: new RegExp(`^${path.replaceAll(/[.+*]/g, "\\$&").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
      name: `${method}_${path}`,
    }))
    // A fixed word comes before a parameter in its place.
    .sort((a, b) => a.name.split("{").length - b.name.split("{").length);
  return compiled;
}
