import { isAuditEvent } from "@simpletuner-cloud/contract/audit-events.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { eventEndpoints } from "@simpletuner-cloud/contract/events.ts";
import type { JobEventStore, StoredEvent } from "../db/stores/job-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { Handlers, RequestContext, StreamMessage } from "./handler.ts";
import { listScope } from "./job-access.ts";
import { jobMessage, type LiveEvents, type LiveMessage, serverMessage } from "./live-events.ts";
import { messageQueue } from "./message-queue.ts";

/** Events replayed at most to a stream that resumes; one that missed more is told to load afresh. */
const longestReplay = 5_000;
const replayPage = 500;

/** What the event stream needs. */
export interface EventServiceOptions {
  events: JobEventStore;
  jobs: JobStore;
  live: LiveEvents;
  maxStreams: number;
}

/** The live event stream: everything the caller may see, resumable. */
export function eventService(options: EventServiceOptions): Handlers<typeof eventEndpoints> {
  const streams = { open: 0 };
  const stream = async (
    input: { query: { after?: number } },
    context: RequestContext,
  ): Promise<AsyncIterable<StreamMessage>> => {
    if (streams.open >= options.maxStreams) throw fail("too_many_streams", { limit: options.maxStreams });
    const after = context.lastEventId === null ? input.query.after : Number(context.lastEventId);
    return messages(
      options,
      streams,
      context.closed,
      listScope(context.caller),
      after !== undefined && Number.isSafeInteger(after) ? after : null,
    );
  };
  return { streamEvents: stream, streamEventsAlias: stream };
}

async function* messages(
  options: EventServiceOptions,
  streams: { open: number },
  closed: AbortSignal,
  scope: string | undefined,
  after: number | null,
): AsyncGenerator<StreamMessage> {
  const queue = messageQueue<LiveMessage>();
  // Listening starts before the replay, so that nothing falls between the two.
  const unsubscribe = options.live.subscribe((message) => {
    if (scope === undefined || message.userId === null || message.userId === scope) queue.push(message);
  });
  const stop = (): void => queue.close();
  closed.addEventListener("abort", stop, { once: true });
  if (closed.aborted) stop();
  streams.open++;
  try {
    let sent = await options.events.latest();
    yield { event: "connection", data: JSON.stringify({ type: "connected", latest: sent }) };
    if (after !== null && after < sent) {
      if (sent - after > longestReplay)
        yield { id: String(sent), event: "reset", data: JSON.stringify({ latest: sent }) };
      else {
        for await (const message of replay(options, scope, after)) {
          sent = Math.max(sent, message.number ?? 0);
          yield message;
        }
      }
    }
    for await (const message of queue) {
      if (message.number !== null && message.number <= sent) continue;
      yield message;
    }
  } finally {
    streams.open--;
    unsubscribe();
    closed.removeEventListener("abort", stop);
  }
}

async function* replay(
  options: EventServiceOptions,
  scope: string | undefined,
  after: number,
): AsyncGenerator<LiveMessage> {
  for (let from = after; ;) {
    const page = await options.events.after(from, scope ?? null, replayPage);
    for (const event of page) if (!isAuditEvent(event.wire.type)) yield await replayed(options.jobs, event);
    const last = page.at(-1);
    if (!last || page.length < replayPage) return;
    from = last.wire.id;
  }
}

async function replayed(jobs: JobStore, { wire, userId }: StoredEvent): Promise<LiveMessage> {
  if (wire.job_id === null) return serverMessage(wire);
  const job = await jobs.find(wire.job_id);
  return jobMessage(
    wire.type,
    wire.id,
    wire.at,
    job?.wire ?? null,
    { job_id: wire.job_id, user_id: userId ?? "" },
    wire.data,
  );
}
