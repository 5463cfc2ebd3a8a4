import { integerOf, oneOf, StartError } from "./values.ts";

/** How it is decided which traces are kept; the words of OpenTelemetry. */
export const traceSamplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Traces that go to a collector; the variables are those that OpenTelemetry sets down for every program. */
export interface TracesConfig {
  /** OTEL_EXPORTER_OTLP_TRACES_ENDPOINT as it is, or OTEL_EXPORTER_OTLP_ENDPOINT with /v1/traces behind it. */
  url: string;
  /** OTEL_EXPORTER_OTLP_TRACES_HEADERS, else OTEL_EXPORTER_OTLP_HEADERS; their values may be secrets. */
  headers: Readonly<Record<string, string>>;
  /** OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, else OTEL_EXPORTER_OTLP_TIMEOUT: so long the collector may take, tries included; default 10 s. */
  timeoutMs: number;
  /** OTEL_SERVICE_NAME, else `service.name` of OTEL_RESOURCE_ATTRIBUTES, else simpletuner-cloud. */
  serviceName: string;
  /** OTEL_RESOURCE_ATTRIBUTES. */
  resource: Readonly<Record<string, string>>;
  /** OTEL_TRACES_SAMPLER, default parentbased_always_on. */
  sampler: (typeof traceSamplers)[number];
  /** OTEL_TRACES_SAMPLER_ARG: share of the traces that a ratio keeps, 0 to 1; default 1. */
  ratio: number;
  /** OTEL_BSP_MAX_QUEUE_SIZE, default 2048: more spans that wait are dropped. */
  queueSpans: number;
  /** OTEL_BSP_MAX_EXPORT_BATCH_SIZE, default 512. */
  batchSpans: number;
  /** OTEL_BSP_SCHEDULE_DELAY, default 5000 ms: so long spans wait for others. */
  delayMs: number;
}

/** Reads {@link TracesConfig}; null unless an address is set, so that nothing is traced without anybody's will. */
export function tracesOf(env: NodeJS.ProcessEnv): TracesConfig | null {
  const url = urlOf(env);
  const isDisabled = oneOf(env, "OTEL_SDK_DISABLED", ["true", "false"], "false") === "true";
  if (url === null || isDisabled) return null;
  if (oneOf(env, "OTEL_TRACES_EXPORTER", ["otlp", "none"], "otlp") === "none") return null;
  refuseGrpc(env);
  const resource = pairsOf(env, "OTEL_RESOURCE_ATTRIBUTES");
  const queueSpans = integerOf(env, "OTEL_BSP_MAX_QUEUE_SIZE", 2_048, 1, 1 << 20);
  return {
    url,
    headers: pairsOf(env, firstSet(env, "HEADERS")),
    timeoutMs: integerOf(env, firstSet(env, "TIMEOUT"), 10_000, 1, 600_000),
    serviceName: env["OTEL_SERVICE_NAME"] || resource["service.name"] || "simpletuner-cloud",
    resource,
    sampler: oneOf(env, "OTEL_TRACES_SAMPLER", traceSamplers, "parentbased_always_on"),
    ratio: ratioOf(env),
    queueSpans,
    batchSpans: Math.min(queueSpans, integerOf(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1 << 20)),
    delayMs: integerOf(env, "OTEL_BSP_SCHEDULE_DELAY", 5_000, 1, 600_000),
  };
}

/** The variable for traces alone where it is set, else that for everything. */
function firstSet(env: NodeJS.ProcessEnv, name: string): string {
  const own = `OTEL_EXPORTER_OTLP_TRACES_${name}`;
  return env[own] ? own : `OTEL_EXPORTER_OTLP_${name}`;
}

/** The address is not repeated in the error: it may hold a password. */
function urlOf(env: NodeJS.ProcessEnv): string | null {
  const name = firstSet(env, "ENDPOINT");
  const text = env[name];
  if (!text) return null;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new StartError(`${name}: this is not an address of the form http://host:4318.`);
  if (name.includes("TRACES")) return text;
  const url = new URL(text);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return url.href;
}

function refuseGrpc(env: NodeJS.ProcessEnv): void {
  const name = firstSet(env, "PROTOCOL");
  if (env[name]?.trim().toLowerCase() !== "grpc") return;
  throw new StartError(
    `${name}: traces go out over HTTP only. Leave it out or set http/json, and name the collector's port for HTTP (usually 4318).`,
  );
}

/** `name=value,name=value`, values percent-encoded (W3C Baggage), as OpenTelemetry writes headers and attributes. */
function pairsOf(env: NodeJS.ProcessEnv, name: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of (env[name] ?? "").split(",")) {
    if (part.trim() === "") continue;
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    // What stands there is not repeated: it may be a secret.
    if (key === undefined || value === undefined)
      throw new StartError(`${name}: this is not of the form name=value,name=value.`);
    pairs[key] = decoded(value);
  }
  return pairs;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function ratioOf(env: NodeJS.ProcessEnv): number {
  const text = env["OTEL_TRACES_SAMPLER_ARG"];
  if (text === undefined || text === "") return 1;
  const ratio = Number(text);
  if (!(ratio >= 0 && ratio <= 1))
    throw new StartError(`OTEL_TRACES_SAMPLER_ARG: "${text}" is not a number from 0 to 1.`);
  return ratio;
}
