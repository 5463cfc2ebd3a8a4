import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

/** What belongs to one request or one loop run and goes into each of its log lines. */
export interface RequestScope {
  correlationId: string;
}

const scopes = new AsyncLocalStorage<RequestScope>();

/** Ids others may give us: short and free of anything that could break a log line. */
const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes over a given correlation id, or makes one of 12 characters (CONTRACT 0.3). */
export function correlationIdOf(given: string | undefined): string {
  return given !== undefined && acceptable.test(given) ? given : randomBytes(6).toString("hex");
}

/** Runs `work` with the scope that {@link currentScope} answers inside it. */
export function withScope<Result>(scope: RequestScope, work: () => Result): Result {
  return scopes.run(scope, work);
}

/** The scope of the running request, if there is one. */
export function currentScope(): RequestScope | undefined {
  return scopes.getStore();
}
