import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startLoop } from "../../../background/loop.ts";
import { outboundOf } from "../../../config/outbound.ts";
import { tracesOf } from "../../../config/traces.ts";
import { inChildSpan, inSpan } from "../../../domain/work-scope.ts";
import { type OtlpCollector, startOtlpCollector } from "../../../testing/otlp-collector.ts";
import { eventually } from "../../../testing/trainer-scripts.ts";
import { tracedCall } from "../../outbound/traced-call.ts";
import type { OutboundRequest } from "../../outbound/outbound-http.ts";
import type { Traces } from "../traces.ts";
import { openTraces } from "./open-traces.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const sampled = `00-${traceId}-b7ad6b7169203331-01`;

describe("traces", () => {
  let collector: OtlpCollector;
  let opened: Traces[];
  let told: (string | null)[];
  beforeEach(async () => {
    collector = await startOtlpCollector();
    opened = [];
    told = [];
  });
  afterEach(async () => {
    for (const traces of opened) await traces.close();
    await collector.close();
  });

  const open = (env: NodeJS.ProcessEnv = {}): Traces => {
    const config = tracesOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_EXPORTER_OTLP_TIMEOUT: "300",
      ...env,
    });
    assert.ok(config);
    const onChange = (trouble: string | null): void => void told.push(trouble);
    const traces = openTraces({ config, outbound: outboundOf({}), version: "1.2.3", onChange });
    opened.push(traces);
    return traces;
  };

  test("tell who sends them, by the headers and the address that are set", async () => {
    const traces = open({
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20one",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=lab",
    });
    traces.begin("work").end();
    await traces.close();
    assert.equal(collector.requests[0]?.path, "/v1/traces");
    assert.equal(collector.requests[0]?.headers.authorization, "Bearer one");
    const { resource } = collector;
    assert.deepEqual(
      [resource["service.name"], resource["service.version"], resource["deployment.environment.name"]],
      ["simpletuner-cloud", "1.2.3", "lab"],
    );
    assert.deepEqual(traces.view(), { sent: 1, dropped: { queueFull: 0, notTaken: 0 }, isFailing: false });
  });

  test("go on with a trace of elsewhere, and begin their own where none can be read", async () => {
    const traces = open();
    const odd = [
      "",
      "nonsense",
      `ff-${traceId}-b7ad6b7169203331-01`,
      `${sampled}-more`,
      `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `00-${traceId}-${"0".repeat(16)}-01`,
    ];
    traces.begin("continued", { origin: { traceparent: sampled, tracestate: "vendor=x" } }).end();
    for (const traceparent of odd) traces.begin("own", { origin: { traceparent } }).end();
    await traces.close();
    const [continued, ...own] = collector.spans;
    assert.deepEqual([continued?.traceId, continued?.parentSpanId], [traceId, "b7ad6b7169203331"]);
    assert.equal(own.length, odd.length);
    for (const span of own) assert.deepEqual([span.traceId === traceId, span.parentSpanId], [false, ""]);
  });

  test("are kept or left out as the caller's trace is, unless the sampler says otherwise", async () => {
    const unsampled = { traceparent: sampled.replace(/01$/, "00") };
    const names = async (env: NodeJS.ProcessEnv): Promise<string[]> => {
      const traces = open(env);
      collector.spans.length = 0;
      const left = traces.begin("left out", { origin: unsampled });
      assert.ok(left.traceparent.endsWith("-00") || env["OTEL_TRACES_SAMPLER"] === "always_on");
      left.begin("below")?.end();
      left.end();
      traces.begin("kept", { origin: { traceparent: sampled } }).end();
      traces.begin("own").end();
      await traces.close();
      return collector.spans.map(({ name }) => name).sort();
    };
    assert.deepEqual(await names({}), ["kept", "own"]);
    assert.deepEqual(await names({ OTEL_TRACES_SAMPLER: "always_on" }), ["below", "kept", "left out", "own"]);
    const ratio = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" };
    assert.deepEqual(await names(ratio), ["kept"]);
  });

  test("tell of an error its kind and never its words, and of work that was broken off that it was", async () => {
    const traces = open();
    const failing = async (error: Error): Promise<void> => {
      await assert.rejects(
        inSpan(traces.begin(error.name), async () => {
          throw error;
        }),
      );
    };
    await failing(Object.assign(new Error("secret-word in /home/ada"), { code: "ENOENT" }));
    await failing(new TypeError("secret-word"));
    await failing(Object.assign(new Error("odd"), { code: "secret word with spaces" }));
    await failing(new DOMException("stopped", "AbortError"));
    await traces.close();
    assert.deepEqual(
      collector.spans.map(({ statusCode, attributes }) => [statusCode, attributes["error.type"]]),
      [
        [2, "ENOENT"],
        [2, "TypeError"],
        [2, "Error"],
        [0, undefined],
      ],
    );
    assert.equal(collector.spans[3]?.attributes["simpletuner.interrupted"], true);
    assert.ok(!collector.requests.some(({ body }) => /secret.word/.test(body)));
  });

  test("of work without end stay bounded: what is left out below a span is counted", async () => {
    const traces = open();
    await inSpan(traces.begin("follow"), async () => {
      for (let call = 0; call < 200; call++) await inChildSpan("call", {}, async () => undefined);
    });
    await traces.close();
    assert.equal(collector.spans.filter(({ name }) => name === "call").length, 128);
    const follow = collector.spans.find(({ name }) => name === "follow");
    assert.equal(Number(follow?.attributes["simpletuner.spans_omitted"]), 72);
  });

  test("of a loop are its rounds that did something or failed", async () => {
    const traces = open();
    const rounds: (() => Promise<void>)[] = [
      async () => undefined,
      () => inChildSpan("transaction", {}, async () => undefined),
      () => Promise.reject(Object.assign(new Error("no"), { code: "ECONNREFUSED" })),
    ];
    const stopping = new AbortController();
    const log = { warn: () => undefined };
    const loops = rounds.map((round, number) =>
      startLoop({ name: `loop ${number}`, everyMs: 1e6, round, log, stopping: stopping.signal, traces }),
    );
    for (const loop of loops) await loop.runOnce();
    stopping.abort();
    await traces.close();
    const names = collector.spans.map(({ name }) => name).sort();
    assert.deepEqual(names, ["loop 1", "loop 2", "transaction"]);
    assert.equal(
      collector.spans.find(({ name }) => name === "loop 2")?.attributes["error.type"],
      "ECONNREFUSED",
    );
  });

  test("wait in a bounded queue; what does not fit is dropped and counted", async () => {
    collector.mode = "hangs";
    const traces = open({ OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_BSP_SCHEDULE_DELAY: "60000" });
    for (let number = 0; number < 1_000; number++) traces.begin("work").end();
    const { dropped } = traces.view();
    assert.ok(dropped.queueFull >= 970 && dropped.queueFull <= 990, `${dropped.queueFull}`);
  });

  test("that a collector does not take are counted and told of once, until it takes them again", async () => {
    const traces = open();
    collector.mode = "refuses";
    for (let batch = 1; batch <= 3; batch++) {
      traces.begin("refused").end();
      await eventually("the answer", () => traces.view().dropped.notTaken === batch);
    }
    assert.deepEqual(told, ["status 400"]);
    assert.equal(traces.view().isFailing, true);
    collector.mode = "takes";
    traces.begin("taken").end();
    await eventually("the answer", () => traces.view().sent === 1);
    assert.deepEqual(told, ["status 400", null]);
    assert.deepEqual(traces.view(), { sent: 1, dropped: { queueFull: 0, notTaken: 3 }, isFailing: false });
  });

  test("end within seconds when the collector hangs or is away", async () => {
    for (const away of ["hangs", "gone"] as const) {
      collector.mode = "hangs";
      const traces = open(away === "gone" ? { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" } : {});
      traces.begin("work").end();
      const startedAt = performance.now();
      await traces.close();
      assert.ok(performance.now() - startedAt < 3_000, away);
    }
    await eventually("the word of it", () => told.length === 2);
    assert.deepEqual(told.toSorted(), ["ECONNREFUSED", "timeout"]);
  });
});

describe("the trace of a call", () => {
  let collector: OtlpCollector;
  before(async () => {
    collector = await startOtlpCollector();
  });
  after(() => collector.close());

  test("goes along within the own network only, and its span tells no path, query or header", async () => {
    const config = tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    assert.ok(config);
    const traces = openTraces({ config, outbound: outboundOf({}), version: "1", onChange: assert.ifError });
    const hosts = {
      "127.0.0.1:9000": true,
      "[::1]:9000": true,
      localhost: true,
      "hooks.internal": true,
      "10.1.2.3": true,
      "api.replicate.com": false,
      "huggingface.co": false,
      "169.254.169.254": false,
      "8.8.8.8": false,
      "hooks.example.com": false,
    };
    for (const [host, goesAlong] of Object.entries(hosts)) {
      const sent: OutboundRequest[] = [];
      const request: OutboundRequest = {
        method: "POST",
        url: `https://${host}/secret-path?token=secret-query`,
        headers: { authorization: "secret-header" },
        repeat: "safe",
      };
      const call = () =>
        tracedCall({ request, name: "service", made: 1 }, async (traced) => {
          sent.push(traced);
          return { status: 503, headers: {}, body: "secret-answer" };
        });
      await call();
      assert.deepEqual(sent[0], request, "without a trace nothing is added");
      await inSpan(traces.begin("work"), call);
      const { traceparent, ...headers } = sent[1]?.headers ?? {};
      assert.deepEqual(headers, request.headers);
      assert.equal(traceparent !== undefined, goesAlong, host);
    }
    await traces.close();
    const span = collector.spans.find(({ name }) => name === "POST service");
    assert.deepEqual(
      { ...span?.attributes, "simpletuner.correlation_id": "" },
      {
        "http.request.method": "POST",
        "http.request.resend_count": 1,
        "http.response.status_code": 503,
        "error.type": "503",
        "server.address": "127.0.0.1",
        "server.port": 9000,
        "service.peer.name": "service",
        "simpletuner.correlation_id": "",
        "url.scheme": "https",
      },
    );
    assert.ok(!collector.requests.some(({ body }) => body.includes("secret")));
  });
});
