import type { Kysely } from "kysely";
import type { EventType } from "@simpletuner-cloud/contract/event-types.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type StoredEvent } from "./job-events.ts";

/** Writes events of the server that belong to no job and to no other row; `onStored` hears each once it is committed. */
export function serverEventStore(
  db: Kysely<Database>,
  now: () => number,
  onStored: (event: StoredEvent) => void,
) {
  return {
    async append(type: EventType, data: Record<string, unknown>): Promise<void> {
      const [event] = await db
        .transaction()
        .execute((transaction) =>
          appendEvents(transaction, [{ jobId: null, userId: null, type, atMs: now(), data }]),
        );
      if (event) onStored(event);
    },
  };
}

/** See {@link serverEventStore}. */
export type ServerEventStore = ReturnType<typeof serverEventStore>;
