import { ApiError, errorOf } from "@simpletuner-cloud/contract/client.ts";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { FinalStreamError, followEventStream, type StreamMessage } from "./event-stream.ts";
import { CommandFailure } from "./io.ts";
import type { ServerConnection } from "./server-address.ts";

/** What happened to a followed job. */
export type JobUpdate =
  /** The job as it is now; the last update of a job that ended has `is_terminal`. */
  | { readonly kind: "job"; readonly job: Job }
  /** A stored event, each exactly once and in order. */
  | { readonly kind: "event"; readonly event: JobEvent }
  | { readonly kind: "lost" }
  | { readonly kind: "back" };

/** How long a server may stay away while its job is followed. */
const patienceMs = 120_000;

/**
 * Follows a job from its first event to its end over restarts of the server. Ends after the update that shows
 * the job terminal, or when the signal aborts. Throws when the job vanishes or the server stays away 2 minutes.
 */
export async function* followJob(
  connection: ServerConnection,
  jobId: string,
  signal: AbortSignal,
  patience = patienceMs,
): AsyncGenerator<JobUpdate, void, undefined> {
  const seen = { id: 0 };
  yield* newEvents(connection, jobId, seen, signal);
  let job = await currentJob(connection, jobId, signal);
  yield { kind: "job", job };
  let away = false;
  const stream = followEventStream({
    connect: (lastEventId, streamSignal) => openStream(connection, lastEventId, streamSignal),
    lastEventId: String(seen.id),
    signal,
    patienceMs: patience,
  });
  for await (const item of job.is_terminal ? [] : stream) {
    if (item.kind === "lost") {
      away = true;
      yield { kind: "lost" };
      continue;
    }
    if (item.kind === "message") {
      const told = readEvent(item.message);
      if (told === null || told.event.job_id !== jobId) continue;
      if (told.event.type === "job.deleted") throw new CommandFailure(`The job ${jobId} was deleted.`);
      if (isNew(told.event, seen)) yield { kind: "event", event: told.event };
      job = told.job ?? withProgress(job, told.event);
    } else {
      if (away) yield { kind: "back" };
      away = false;
      job = (await jobUnlessAway(connection, jobId, signal)) ?? job;
    }
    if (job.is_terminal) break;
    yield { kind: "job", job };
  }
  if (signal.aborted) return;
  yield* newEvents(connection, jobId, seen, signal);
  yield { kind: "job", job: await currentJob(connection, jobId, signal) };
}

async function currentJob(connection: ServerConnection, jobId: string, signal: AbortSignal): Promise<Job> {
  const answer = await connection.call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId }, signal });
  return answer.job;
}

/** The job, or null while the server is away: the stream will notice that by itself. */
async function jobUnlessAway(
  connection: ServerConnection,
  jobId: string,
  signal: AbortSignal,
): Promise<Job | null> {
  try {
    return await currentJob(connection, jobId, signal);
  } catch (error) {
    if (signal.aborted) return null;
    if (error instanceof ApiError && (error.code === "unreachable" || error.status >= 500)) return null;
    throw error;
  }
}

/** Stored events after the last one seen, page by page. */
async function* newEvents(
  connection: ServerConnection,
  jobId: string,
  seen: { id: number },
  signal: AbortSignal,
): AsyncGenerator<JobUpdate, void, undefined> {
  for (;;) {
    const { events } = await connection.call("GET /api/cloud/jobs/{job_id}/events", {
      params: { job_id: jobId },
      query: { after: seen.id, limit: 500 },
      signal,
    });
    for (const event of events) if (isNew(event, seen)) yield { kind: "event", event };
    if (events.length < 500) return;
  }
}

/** True for a stored event that was not told yet; marks it as told. Live-only events carry no state of their own. */
function isNew(event: JobEvent, seen: { id: number }): boolean {
  if (event.type === "job.progress" || event.id <= seen.id) return false;
  seen.id = event.id;
  return true;
}

async function openStream(
  connection: ServerConnection,
  lastEventId: string,
  signal: AbortSignal,
): Promise<Response> {
  const response = await connection.open(
    "/api/events/stream",
    { accept: "text/event-stream", "last-event-id": lastEventId },
    signal,
  );
  if (response.status >= 400 && response.status < 500 && response.status !== 429) {
    throw new FinalStreamError((await errorOf(response)).message);
  }
  return response;
}

/** The event of a stream message, or null for a message that is none (a greeting). */
function readEvent(message: StreamMessage): { event: JobEvent; job: Job | null } | null {
  try {
    const told = JSON.parse(message.data) as Partial<JobEvent> & { job?: Job | null };
    if (typeof told.type !== "string" || typeof told.job_id !== "string") return null;
    const { job = null, ...event } = told;
    return { event: { ...(event as JobEvent), id: event.id ?? 0, data: event.data ?? {} }, job };
  } catch {
    return null;
  }
}

/** A live-only event may carry the new figures without the whole job. */
function withProgress(job: Job, event: JobEvent): Job {
  const { progress, upload_progress } = event.data as Partial<Pick<Job, "progress" | "upload_progress">>;
  return {
    ...job,
    progress: progress ?? job.progress,
    upload_progress: upload_progress ?? job.upload_progress,
  };
}
