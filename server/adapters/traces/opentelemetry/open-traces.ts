import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { OutboundConfig } from "../../../config/outbound.ts";
import type { TracesConfig } from "../../../config/traces.ts";
import type { Traces } from "../traces.ts";
import { collectorAgent } from "./collector-agent.ts";
import { countedExport } from "./counted-export.ts";
import { beginSpan } from "./recorded-span.ts";

/** What traces need. */
export interface OpenTracesOptions {
  config: TracesConfig;
  /** Proxy and certificates on the way to the collector. */
  outbound: OutboundConfig;
  /** Of this program. */
  version: string;
  /** Told when the collector begins not to take spans, with a code, and (null) when it takes them again. */
  onChange: (trouble: string | null) => void;
}

/** A server that stops waits at most so long for the collector. */
const flushMs = 2_000;
/** Batches under way at once; more than one only when the server stops, or a collector dribbles. */
const mostAtOnce = 8;
/** A value that is longer is cut. */
const longestValue = 256;

/** Traces by OTLP over HTTP, in JSON, sent in batches from a bounded queue. Nothing is registered for the whole process. */
export function openTraces({ config, outbound, version, onChange }: OpenTracesOptions): Traces {
  const agent = collectorAgent(outbound);
  const exporter = new OTLPTraceExporter({
    url: config.url,
    headers: { ...config.headers },
    timeoutMillis: config.timeoutMs,
    concurrencyLimit: mostAtOnce,
    httpAgentOptions: agent.forProtocol,
  });
  const counted = countedExport(exporter, config, onChange);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        "service.instance.id": randomUUID(),
        "service.version": version,
        ...config.resource,
        "service.name": config.serviceName,
      }),
    ),
    sampler: samplerOf(config),
    spanLimits: { attributeValueLengthLimit: longestValue },
    spanProcessors: [counted.processor],
  });
  const tracer = provider.getTracer("simpletuner-cloud", version);
  return {
    begin: (name, options) => beginSpan(tracer, name, options),
    view: counted.view,
    async close() {
      const late = new AbortController();
      const flushed = provider.shutdown().catch(() => undefined);
      await Promise.race([
        flushed,
        delay(flushMs, undefined, { signal: late.signal }).catch(() => undefined),
      ]);
      late.abort();
      agent.destroy();
    },
  };
}

function samplerOf({ sampler, ratio }: TracesConfig): Sampler {
  switch (sampler) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}
