/** What a span tells. Nothing secret and nothing that a user wrote: no keys, names, paths or query strings. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a span begins with. */
export interface SpanOptions {
  /** `server`: answers somebody; `client`: asks somebody; `internal` (default): neither. */
  kind?: "server" | "client" | "internal";
  attributes?: SpanAttributes;
}

/** A piece of work in a trace, from its beginning to its end. */
export interface Span {
  /** 32 hex digits, the same for all spans of a trace. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Both, and whether the trace is kept, as the header `traceparent` of W3C Trace Context has them. */
  readonly traceparent: string;
  /** What other programs on the way added, as the header `tracestate` has it. */
  readonly tracestate: string | null;
  /** Spans were begun below it, or it failed. */
  readonly hasNews: boolean;
  /** Begins a span below this one; null once it has so many that more would only swell the trace. */
  begin(name: string, options?: SpanOptions): Span | null;
  set(attributes: SpanAttributes): void;
  rename(name: string): void;
  /** The work failed; `type` is a code or a class of errors, never a sentence. */
  fail(type: string): void;
  /** It is over and goes out. A span that is never ended is forgotten. */
  end(): void;
}

/** Where a trace that began elsewhere comes from. */
export interface TraceOrigin {
  /** The header `traceparent`; one that cannot be read counts as none. */
  traceparent: string | null;
  tracestate?: string | null;
}

/** Begins traces. */
export interface Tracer {
  /** Begins a span that no work under way has caused, or one below a span of elsewhere. */
  begin(name: string, options?: SpanOptions & { origin?: TraceOrigin }): Span;
}

/** A code or class for what was thrown: as much as a span may tell of it. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code, problem } = error as { code?: unknown; problem?: unknown };
  for (const word of [problem, code])
    if (typeof word === "string" && /^[\w.-]{1,64}$/.test(word)) return word;
  return error.name;
}
