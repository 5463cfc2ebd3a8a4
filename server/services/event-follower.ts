import { isAuditEvent } from "@simpletuner-cloud/contract/audit-events.ts";
import type { JobEventStore, StoredEvent } from "../db/stores/job-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { jobMessage, type LiveEvents, type LiveMessage, serverMessage } from "./live-events.ts";

/** Events read at a time. */
const pageLength = 500;
/** What nobody told of is found after so long. */
const lookAnywayMs = 1_000;
/** Messages of this server's own events that are kept until they are met in the log. */
const mostOwn = 5_000;

/** What following needs. */
export interface EventFollowerOptions {
  stores: () => { events: Pick<JobEventStore, "after" | "latest">; jobs: Pick<JobStore, "find"> };
  /** Takes the events of all replicas, each once and in the order of their numbers. */
  live: Pick<LiveEvents, "publish" | "isWatched" | "wakeLog">;
  onError: (error: unknown) => void;
  stopping: AbortSignal;
}

/**
 * Reads the event log as it grows, whoever writes it. The log is the truth: being told of it only makes a look come
 * sooner.
 */
export function eventFollower({ stores, live, onError, stopping }: EventFollowerOptions) {
  const own = new Map<number, LiveMessage>();
  let position: number | null = null;
  let looking: Promise<void> | null = null;
  let again = false;
  let isBegun = false;
  const messageOf = async ({ wire, userId }: StoredEvent): Promise<LiveMessage> => {
    const known = own.get(wire.id);
    if (known) return known;
    if (wire.job_id === null) return serverMessage(wire);
    // Whoever opens a stream from now on begins after this event.
    const isShown = live.isWatched() && wire.type !== "job.deleted";
    const job = isShown ? await stores().jobs.find(wire.job_id) : null;
    const owner = { job_id: wire.job_id, user_id: userId ?? "" };
    return jobMessage(wire.type, wire.id, wire.at, job?.wire ?? null, owner, wire.data);
  };
  const read = async (): Promise<void> => {
    position ??= await stores().events.latest();
    for (;;) {
      const page = await stores().events.after(position, null, pageLength);
      for (const event of page) {
        if (stopping.aborted) return;
        if (!isAuditEvent(event.wire.type)) live.publish(await messageOf(event));
        // What the end of a job adds to its log comes without a line.
        if (event.wire.type === "job.status" && event.wire.job_id !== null) live.wakeLog(event.wire.job_id);
        own.delete(event.wire.id);
        position = event.wire.id;
      }
      if (page.length < pageLength) return;
    }
  };
  const look = async (): Promise<void> => {
    while (again && !stopping.aborted) {
      again = false;
      await read().catch(onError);
    }
  };
  const wake = (): void => {
    if (!isBegun) return;
    again = true;
    looking ??= look().finally(() => (looking = null));
  };
  const timer = setInterval(wake, lookAnywayMs).unref();
  stopping.addEventListener("abort", () => clearInterval(timer), { once: true });
  return {
    /** To be called once the stores are there. */
    begin(): void {
      isBegun = true;
      wake();
    },
    /** Something was written to the log. */
    wake,
    /** Remembers the message of an event that this server has written, so that its job need not be read again. */
    remember(number: number, message: LiveMessage): void {
      const [oldest] = own.size >= mostOwn ? own.keys() : [];
      if (oldest !== undefined) own.delete(oldest);
      own.set(number, message);
    },
    /** Resolves when nothing is read any more. */
    async settled(): Promise<void> {
      await looking;
    },
  };
}

/** See {@link eventFollower}. */
export type EventFollower = ReturnType<typeof eventFollower>;
