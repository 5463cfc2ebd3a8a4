import { AsyncLocalStorage } from "node:async_hooks";

/** Who causes what is done, and from where. */
export interface EventOrigin {
  actorId: string;
  actorName: string;
  address: string;
}

const origins = new AsyncLocalStorage<EventOrigin>();

/** Runs work on somebody's behalf: events that it stores keep who that was, for the audit. */
export function onBehalfOf<Result>(origin: EventOrigin, work: () => Result): Result {
  return origins.run(origin, work);
}

/** On whose behalf the running work is done; null for work of the server itself. */
export function currentOrigin(): EventOrigin | null {
  return origins.getStore() ?? null;
}
