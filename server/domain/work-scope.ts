import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { errorType, type Span, type SpanOptions } from "./trace.ts";

/** What a piece of work is about: a request, a round of a loop, a job's run. It goes into each of its log lines. */
export interface WorkScope {
  /** Goes out with the answer and with calls to other services. */
  correlationId: string;
  jobId?: string;
  provider?: string;
  userId?: string;
  /** What is being done. */
  step?: string;
  /** The endpoint that answers a request, once it is known. */
  endpoint?: Endpoint;
  /** The operation of S3 that a request asks for, as `PutObject`, once it is known. */
  storageOperation?: string;
  /** Where the work is in a trace; undefined while nothing is traced. */
  span?: Span | undefined;
}

const scopes = new AsyncLocalStorage<WorkScope | undefined>();

/** An id of 12 characters (CONTRACT 0.3): the random end of a UUID, which costs less than fetching six bytes. */
export function newCorrelationId(): string {
  return randomUUID().slice(-12);
}

/** Does work whose log lines tell what it is about, on top of what the work around it told. */
export function inWork<Result>(about: Partial<WorkScope>, work: () => Result): Result {
  const around = scopes.getStore();
  return scopes.run(
    { ...around, correlationId: around?.correlationId ?? newCorrelationId(), ...about },
    work,
  );
}

/** Does what is of no work in particular, though one had it done. */
export function outsideWork<Result>(work: () => Result): Result {
  return scopes.run(undefined, work);
}

/** Tells more of the work under way, once it is known. */
export function noteInWork(about: Partial<WorkScope>): void {
  const scope = scopes.getStore();
  if (scope) Object.assign(scope, about);
}

/**
 * Does work in a span, which ends with it; `null` does it without one. The span tells the correlation id of the work, and
 * when it fails, the kind of error.
 */
export async function inSpan<Result>(span: Span | null, work: () => Promise<Result>): Promise<Result> {
  if (span === null) return work();
  return inWork({ span }, async () => {
    span.set({ [correlationAttribute]: scopes.getStore()?.correlationId ?? "" });
    try {
      return await work();
    } catch (error) {
      // Who breaks off work on purpose has not failed.
      if (error instanceof Error && error.name === "AbortError")
        span.set({ "simpletuner.interrupted": true });
      else span.fail(errorType(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Does work in a span below that of the work under way; while nothing is traced it is only done. */
export function inChildSpan<Result>(
  name: string,
  options: SpanOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const span = scopes.getStore()?.span?.begin(name, options) ?? null;
  return span === null ? work() : inSpan(span, work);
}

/** The attribute that joins a span to the lines of the log. */
export const correlationAttribute = "simpletuner.correlation_id";

/** What the running work is about; undefined outside of any. */
export function currentWork(): Readonly<WorkScope> | undefined {
  return scopes.getStore();
}
