import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";

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
}

const scopes = new AsyncLocalStorage<WorkScope>();

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

/** Tells more of the work under way, once it is known. */
export function noteInWork(about: Partial<WorkScope>): void {
  const scope = scopes.getStore();
  if (scope) Object.assign(scope, about);
}

/** What the running work is about; undefined outside of any. */
export function currentWork(): Readonly<WorkScope> | undefined {
  return scopes.getStore();
}
