import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { TracesConfig } from "../../../config/traces.ts";
import { errorType } from "../../../domain/trace.ts";
import type { TracesView } from "../traces.ts";

/** In a word, since what a collector says may hold anything; errors of the exporter hold the status as a number. */
function troubleOf(error: Error | undefined): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  if (typeof code === "number") return `status ${code}`;
  return message === "Request timed out" ? "timeout" : errorType(error);
}

type ExportResult = Parameters<Parameters<SpanExporter["export"]>[1]>[0];

const graceMs = 500;

/**
 * The library's queue in front of the exporter, with a count of what becomes of each span: the library itself would drop
 * in silence.
 */
export function countedExport(
  exporter: SpanExporter,
  { queueSpans, batchSpans, delayMs, timeoutMs }: TracesConfig,
  onChange: (trouble: string | null) => void,
): { processor: SpanProcessor; view(): TracesView } {
  const view = { sent: 0, dropped: { queueFull: 0, notTaken: 0 }, isFailing: false };
  let waiting = 0;
  const told = (isTaken: boolean, spans: number, error?: Error): void => {
    if (isTaken) view.sent += spans;
    else view.dropped.notTaken += spans;
    if (view.isFailing === !isTaken) return;
    view.isFailing = !isTaken;
    onChange(isTaken ? null : troubleOf(error));
  };
  const batches = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        waiting -= spans.length;
        let isOver = false;
        const over = (result: ExportResult): void => {
          if (isOver) return;
          isOver = true;
          clearTimeout(late);
          told(result.code === 0, spans.length, result.error);
          done(result);
        };
        // The exporter's own limit is for silence; a collector may also dribble.
        const late = setTimeout(
          () => over({ code: 1, error: new Error("Request timed out") }),
          timeoutMs + graceMs,
        ).unref();
        exporter.export(spans, over);
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => exporter.forceFlush?.(),
    },
    maxQueueSize: queueSpans,
    maxExportBatchSize: batchSpans,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: timeoutMs + 2 * graceMs,
  });
  return {
    processor: {
      onStart: () => undefined,
      onEnd(span) {
        if (waiting >= queueSpans) {
          view.dropped.queueFull++;
          return;
        }
        waiting++;
        batches.onEnd(span);
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => batches.shutdown(),
    },
    view: () => ({ ...view, dropped: { ...view.dropped } }),
  };
}
