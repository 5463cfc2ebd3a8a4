import type { Kysely } from "kysely";
import type { EventType } from "@simpletuner-cloud/contract/event-types.ts";
import { currentOrigin } from "../event-origin.ts";
import type { Database } from "../schema.ts";
import { appendEvents, type EventDraft, type StoredEvent } from "./job-events.ts";

/** Events of one transaction; more than this wait for the next. */
const atOnce = 500;

interface WaitingEvent {
  draft: EventDraft;
  done: () => void;
  failed: (error: unknown) => void;
}

/**
 * Writes events of the server that belong to no job and to no other row; `onStored` hears each once it is committed. Those
 * that come while a transaction runs share the next, so that many at once cost one flush of the disk together.
 */
export function serverEventStore(
  db: Kysely<Database>,
  now: () => number,
  onStored: (event: StoredEvent) => void,
) {
  const waiting: WaitingEvent[] = [];
  let writing = false;
  const writeAll = async (): Promise<void> => {
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, atOnce);
      try {
        const drafts = batch.map(({ draft }) => draft);
        const stored = await db.transaction().execute((transaction) => appendEvents(transaction, drafts));
        for (const event of stored) onStored(event);
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    writing = false;
  };
  return {
    /** Resolves once the event is on the disk. */
    append(type: EventType, data: Record<string, unknown>): Promise<void> {
      return new Promise((done, failed) => {
        const draft = { jobId: null, userId: null, type, atMs: now(), data, origin: currentOrigin() };
        waiting.push({ draft, done, failed });
        if (!writing) void writeAll();
      });
    },
  };
}

/** See {@link serverEventStore}. */
export type ServerEventStore = ReturnType<typeof serverEventStore>;
