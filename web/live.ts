import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { type EventType, eventTypes } from "@simpletuner-cloud/contract/event-types.ts";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { followSharedStream, type SharedStream, type StreamNews } from "./shared-stream.ts";

/** An event of the server with the whole job as it is after it, where the event is about one. */
export type LiveEvent = Omit<JobEvent, "type" | "id"> & { id: number | null; type: EventType; job?: Job };

/** Every type the stream names. */
const eventNames = Object.keys(eventTypes) as EventType[];

const connectionState = signal<"connecting" | "live" | "lost">("connecting");
const nextRetry = signal<number | null>(null);
const opened = signal(0);
const heard = signal(Date.now());

/** State of the event stream. */
export const connection: ReadonlySignal<"connecting" | "live" | "lost"> = connectionState;
/** Epoch milliseconds of the next attempt while the connection is lost. */
export const retryAt: ReadonlySignal<number | null> = nextRetry;
/** How often the stream was opened; a growing number means that something may have been missed. */
export const streamOpened: ReadonlySignal<number> = opened;
/** Epoch milliseconds when the server was last known to answer. */
export const lastHeardAt: ReadonlySignal<number> = heard;

type Listener = (event: LiveEvent) => void;
const listeners = new Set<{ types: readonly EventType[] | "*"; listener: Listener }>();

/** Calls `listener` for every event of the types; the answer unsubscribes. */
export function onEvent(types: EventType | readonly EventType[] | "*", listener: Listener): () => void {
  const wanted = typeof types === "string" && types !== "*" ? [types] : types;
  const entry = { types: wanted, listener };
  listeners.add(entry);
  return () => listeners.delete(entry);
}

const keptJobs = 2000;
const jobSignals = new Map<string, Signal<Job | null>>();

function jobSignal(jobId: string): Signal<Job | null> {
  const known = jobSignals.get(jobId);
  if (known) return known;
  const made = signal<Job | null>(null);
  jobSignals.set(jobId, made);
  // A tab that stays open for weeks must not remember every job it ever saw.
  const oldest = jobSignals.keys().next().value;
  if (jobSignals.size > keptJobs && oldest !== undefined) jobSignals.delete(oldest);
  return made;
}

/**
 * The newest known state of a job, kept current by the event stream; null until an event or
 * {@link rememberJobs} told it, and again once the job is deleted.
 */
export function watchJob(jobId: string): ReadonlySignal<Job | null> {
  return jobSignal(jobId);
}

/** Puts loaded jobs in the store; an older state never replaces a newer one. */
export function rememberJobs(jobs: readonly Job[]): void {
  for (const job of jobs) {
    const kept = jobSignal(job.job_id);
    kept.value = newerJob(kept.peek(), job);
  }
}

/** Of two states of one job the one that came later; a finished job never becomes active again. */
export function newerJob(known: Job | null, incoming: Job): Job {
  if (!known) return incoming;
  if (known.is_terminal !== incoming.is_terminal) return known.is_terminal ? known : incoming;
  return freshness(known) > freshness(incoming) ? known : incoming;
}

function freshness(job: Job): string {
  const instants = [job.updated_at, job.progress?.updated_at ?? "", job.upload_progress?.updated_at ?? ""];
  return instants.sort().at(-1) ?? "";
}

let lastEventId = 0;
let stream: SharedStream | null = null;

/** Starts following the server's events, if that was not done yet. */
export function startLive(): void {
  stream ??= followSharedStream({ eventNames, lastSeen: () => lastEventId, hear });
}

/** Opens the stream now instead of at the next attempt, also after {@link restLive}. */
export function retryNow(): void {
  stream?.connect();
}

/** Follows nothing until {@link retryNow}: the server would not let this page in. */
export function restLive(): void {
  stream?.rest();
}

/** Resolves when the stream is open or after a quarter of a second, so that first loads miss no event. */
export function streamReady(): Promise<void> {
  if (connectionState.peek() !== "connecting") return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(done, 250);
    const stop = connectionState.subscribe((state) => {
      if (state !== "connecting") queueMicrotask(done);
    });
  });
}

function hear(news: StreamNews): void {
  if (news.is === "lost") {
    nextRetry.value = news.retryAt;
    connectionState.value = "lost";
    return;
  }
  heard.value = Date.now();
  if (news.is === "event") return receive(news.text);
  if (news.is === "alive") return;
  // A stream that goes on where this tab stands, or before, has missed nothing.
  const isGap = lastEventId === 0 || news.behind > lastEventId;
  if (isGap) lastEventId = news.behind;
  if (isGap || connectionState.peek() !== "live") opened.value += 1;
  nextRetry.value = null;
  connectionState.value = "live";
}

function receive(text: string): void {
  const event = JSON.parse(text) as LiveEvent;
  if (event.id !== null) {
    if (seenBefore(event)) return;
    lastEventId = event.id;
  }
  if (event.job) rememberJobs([event.job]);
  else if (event.type === "job.progress") mergeProgress(event);
  if (event.type === "job.deleted" && event.job_id) jobSignal(event.job_id).value = null;
  for (const { types, listener } of listeners) {
    if (types === "*" || types.includes(event.type)) listener(event);
  }
}

const seen = new Set<string>();

/** A replay after a reconnect may repeat events; ids alone do not tell, a server with a new database starts at 1. */
function seenBefore(event: LiveEvent): boolean {
  const key = `${event.id} ${event.at}`;
  if (seen.has(key)) return true;
  seen.add(key);
  const oldest = seen.values().next().value;
  if (seen.size > 500 && oldest !== undefined) seen.delete(oldest);
  return false;
}

function mergeProgress(event: LiveEvent): void {
  const kept = event.job_id ? jobSignals.get(event.job_id) : undefined;
  const job = kept?.peek();
  if (!kept || !job || job.is_terminal) return;
  const { progress, upload_progress } = event.data as Partial<Job>;
  kept.value = {
    ...job,
    progress: progress ?? job.progress,
    upload_progress: upload_progress ?? job.upload_progress,
  };
}
