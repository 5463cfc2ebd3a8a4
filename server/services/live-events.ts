import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import type { StoredEvent } from "../db/stores/job-events.ts";
import type { CommittedChange } from "../db/stores/jobs.ts";
import type { JobRecord } from "../domain/job-record.ts";
import type { StreamMessage } from "./handler.ts";

/** A message to open streams, serialised once for all of them. */
export interface LiveMessage extends StreamMessage {
  /** The number of a stored event; null for live-only ones. */
  number: number | null;
  /** Whose it is; null concerns everybody. */
  userId: string | null;
  jobId: string | null;
}

/** Passes events to the open streams of this process, and to what in it acts on them. */
export function liveEvents() {
  const listeners = new Set<(message: LiveMessage) => void>();
  const actors = new Set<(message: LiveMessage) => void>();
  const logListeners = new Map<string, Set<() => void>>();
  const publish = (message: LiveMessage): void => {
    for (const act of actors) act(message);
    for (const listener of listeners) listener(message);
  };
  const wakeLog = (jobId: string): void => {
    for (const wake of logListeners.get(jobId) ?? []) wake();
  };
  return {
    publish,
    /** Tells what a committed change did: its events, or a live progress message when it had none. */
    publishChange(change: CommittedChange): void {
      const messages = changeMessages(change);
      for (const message of messages) publish(message);
      if (messages.length === 0) publish(progressMessage(change.job.wire));
      if (change.job.wire.is_terminal) wakeLog(change.job.wire.job_id);
    },
    /** Tells every stream what happened to the server itself. */
    publishServerEvent({ wire }: StoredEvent): void {
      publish(serverMessage(wire));
    },
    /** As {@link subscribe}, for what acts on events and shows them to nobody. */
    act(actor: (message: LiveMessage) => void): () => void {
      actors.add(actor);
      return () => actors.delete(actor);
    },
    /** Somebody is shown what is published. */
    isWatched: (): boolean => listeners.size > 0,
    /** Hears every message; answers the function that stops it. */
    subscribe(listener: (message: LiveMessage) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Calls `wake` when the job's log has grown or the job is over. */
    subscribeLog(jobId: string, wake: () => void): () => void {
      const wakes = logListeners.get(jobId) ?? new Set();
      logListeners.set(jobId, wakes.add(wake));
      return () => {
        wakes.delete(wake);
        if (wakes.size === 0) logListeners.delete(jobId);
      };
    },
    /** Somebody is told when the job's log grows. */
    isLogFollowed: (jobId: string): boolean => logListeners.has(jobId),
    /** Jobs of whose log that is so. */
    followedLogs: (): string[] => [...logListeners.keys()],
    wakeLog,
  };
}

/** See {@link liveEvents}. */
export type LiveEvents = ReturnType<typeof liveEvents>;

/** The messages of the events that a committed change has. */
export function changeMessages({ job, events }: CommittedChange): LiveMessage[] {
  return events.map(({ wire: { type, id, at, data } }) =>
    jobMessage(type, id, at, type === "job.deleted" ? null : job.wire, job.wire, data),
  );
}

/** The live message of a job that changed without an event. */
export function progressMessage(job: Job): LiveMessage {
  return jobMessage("job.progress", null, job.updated_at, job, job, progressOf(job));
}

/** The live message of a delivery that is further than it was. */
export function deliveryProgressMessage({ wire }: JobRecord, delivery: Delivery): LiveMessage {
  return jobMessage("job.delivery_progress", null, delivery.updated_at, null, wire, { delivery });
}

/** The message of an event; `shown` is the job to send along, `owner` the one that decides who sees it. */
export function jobMessage(
  type: string,
  number: number | null,
  at: string,
  shown: Job | null,
  owner: Pick<Job, "job_id" | "user_id">,
  data: unknown,
): LiveMessage {
  const body = { id: number, job_id: owner.job_id, type, at, data, ...(shown ? { job: shown } : {}) };
  return {
    ...(number === null ? {} : { id: String(number) }),
    event: type,
    data: JSON.stringify(body),
    number,
    userId: owner.user_id,
    jobId: owner.job_id,
  };
}

/** The message of an event that is about no job and concerns everybody. */
export function serverMessage(wire: JobEvent): LiveMessage {
  return {
    id: String(wire.id),
    event: wire.type,
    data: JSON.stringify(wire),
    number: wire.id,
    userId: null,
    jobId: null,
  };
}

function progressOf(job: Job) {
  return { progress: job.progress, upload_progress: job.upload_progress };
}
