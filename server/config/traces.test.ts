import assert from "node:assert/strict";
import { test } from "node:test";
import { tracesOf } from "./traces.ts";
import { StartError } from "./values.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318/" };

test("nothing is traced without an address, and where traces are turned off", () => {
  assert.equal(tracesOf({}), null);
  assert.equal(tracesOf({ OTEL_SERVICE_NAME: "ours", OTEL_EXPORTER_OTLP_ENDPOINT: "" }), null);
  assert.equal(tracesOf({ ...endpoint, OTEL_SDK_DISABLED: "TRUE" }), null);
  assert.equal(tracesOf({ ...endpoint, OTEL_TRACES_EXPORTER: "none" }), null);
});

test("an address for everything gets the path of traces, one for traces alone is taken as it is", () => {
  assert.equal(tracesOf(endpoint)?.url, "http://collector.test:4318/v1/traces");
  const below = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector.test/otlp" };
  assert.equal(tracesOf(below)?.url, "https://collector.test/otlp/v1/traces");
  const own = { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.test/ingest" };
  assert.equal(tracesOf(own)?.url, "https://traces.test/ingest");
});

test("what OpenTelemetry's variables say holds, those for traces before those for everything", () => {
  const config = tracesOf({
    ...endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20one",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: " authorization = Bearer%20two, x-tenant=a=b",
    OTEL_EXPORTER_OTLP_TIMEOUT: "2000",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=theirs,deployment.environment.name=lab",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_BSP_MAX_QUEUE_SIZE: "100",
  });
  assert.deepEqual(config?.headers, { authorization: "Bearer two", "x-tenant": "a=b" });
  assert.deepEqual(
    [config?.timeoutMs, config?.sampler, config?.ratio],
    [2_000, "parentbased_traceidratio", 0.25],
  );
  // A batch is never more than may wait.
  assert.deepEqual([config?.queueSpans, config?.batchSpans], [100, 100]);
  assert.equal(config?.serviceName, "theirs");
  assert.equal(config?.resource["deployment.environment.name"], "lab");
  assert.equal(tracesOf({ ...endpoint, OTEL_SERVICE_NAME: "ours" })?.serviceName, "ours");
  assert.equal(tracesOf(endpoint)?.serviceName, "simpletuner-cloud");
});

test("what cannot be meant stops the start with the variable's name, and repeats nothing that may be a secret", () => {
  const wrong: [name: string, value: string][] = [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:secret-word"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://ada:secret-word@collector.test"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "secret-word"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
    ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
    ["OTEL_TRACES_EXPORTER", "zipkin"],
    ["OTEL_SDK_DISABLED", "perhaps"],
  ];
  for (const [name, value] of wrong)
    assert.throws(
      () => tracesOf({ ...endpoint, [name]: value }),
      (error) =>
        error instanceof StartError &&
        error.message.startsWith(`${name}: `) &&
        !/secret-word/.test(error.message),
      name,
    );
});
