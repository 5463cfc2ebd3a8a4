import {
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span as OtelSpan,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer as OtelTracer,
} from "@opentelemetry/api";
import type { Span, SpanOptions, TraceOrigin } from "../../../domain/trace.ts";

/** A run that is followed for days would else fill a trace with what is asked and written again and again. */
const mostChildren = 128;

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** Begins a span at the root of a trace, or below one of elsewhere. */
export function beginSpan(
  tracer: OtelTracer,
  name: string,
  { origin, ...options }: SpanOptions & { origin?: TraceOrigin } = {},
): Span {
  const above = origin ? originOf(origin) : null;
  const context = above === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, above);
  return recorded(tracer, start(tracer, name, options, context));
}

function start(tracer: OtelTracer, name: string, options: SpanOptions, context: Context): OtelSpan {
  const { kind = "internal", attributes = {} } = options;
  return tracer.startSpan(name, { kind: kinds[kind], attributes }, context);
}

function recorded(tracer: OtelTracer, span: OtelSpan): Span {
  const context = span.spanContext();
  const { traceId, spanId, traceFlags } = context;
  let children = 0;
  let omitted = 0;
  let isFailed = false;
  return {
    traceId,
    spanId,
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    tracestate: context.traceState?.serialize() ?? null,
    get hasNews() {
      return children > 0 || isFailed;
    },
    begin(name, options = {}) {
      // Nobody would hear of what is below a span that nobody hears of.
      if (!span.isRecording()) return null;
      if (children === mostChildren) {
        omitted++;
        return null;
      }
      children++;
      return recorded(tracer, start(tracer, name, options, trace.setSpan(ROOT_CONTEXT, span)));
    },
    set(attributes) {
      if (span.isRecording()) span.setAttributes(attributes);
    },
    rename(name) {
      if (span.isRecording()) span.updateName(name);
    },
    fail(type) {
      isFailed = true;
      if (!span.isRecording()) return;
      span.setAttribute("error.type", type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end() {
      if (!span.isRecording()) return;
      if (omitted > 0) span.setAttribute("simpletuner.spans_omitted", omitted);
      span.end();
    },
  };
}

/** Version, trace, span and flags (W3C Trace Context); a later version may have more behind them. */
const traceparentForm = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

function originOf({ traceparent, tracestate = null }: TraceOrigin): SpanContext | null {
  const [, version, traceId = "", spanId = "", flags = "", more] =
    traceparentForm.exec(traceparent ?? "") ?? [];
  if (version === undefined || (version === "00" && more !== undefined)) return null;
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(tracestate !== null && { traceState: createTraceState(tracestate) }),
  };
}
