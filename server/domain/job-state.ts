import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { EventType } from "@simpletuner-cloud/contract/event-types.ts";
import { activeStatuses, isActive, type Job, type JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import type { JobPrivate, JobRecord } from "./job-record.ts";

/** Where a job may go from each state (CONTRACT 2.2). Terminal states lead nowhere. */
const transitions: Record<JobStatus, readonly JobStatus[]> = {
  pending: ["uploading", "queued", "running", "cancelled", "failed"],
  uploading: ["queued", "running", "cancelled", "failed"],
  queued: ["running", "cancelled", "failed"],
  running: ["completed", "cancelled", "failed"],
  completed: [],
  failed: [],
  cancelled: [],
};

/** An event to append together with the change that causes it. */
export interface JobEventDraft {
  type: EventType;
  data: Record<string, unknown>;
}

/** What a decision changes: fields, and the events that tell of it. */
export interface JobChange {
  wire?: Partial<Job>;
  private?: Partial<JobPrivate>;
  events: readonly JobEventDraft[];
}

/** True when the state machine has an edge between the two states. */
export function canMove(from: JobStatus, to: JobStatus): boolean {
  return transitions[from].includes(to);
}

/** Moves a job to another state; throws `invalid_job_state` when there is no such edge. */
export function moveTo(
  record: JobRecord,
  to: JobStatus,
  nowMs: number,
  more: { wire?: Partial<Job>; private?: Partial<JobPrivate>; reason?: string } = {},
): JobChange {
  const from = record.wire.status;
  if (!canMove(from, to)) {
    throw fail("invalid_job_state", { status: from, action: `going to ${to}`, allowed: statesBefore(to) });
  }
  const at = new Date(nowMs).toISOString();
  const wire: Partial<Job> = { ...more.wire, status: to };
  if (to === "running" && record.wire.started_at === null) wire.started_at = at;
  if (!isActive(to)) wire.completed_at = at;
  const data: Record<string, unknown> = { status: to, previous: from };
  if (more.reason !== undefined) data["reason"] = more.reason;
  return { wire, private: { ...more.private }, events: [{ type: "job.status", data }] };
}

/**
 * What cancelling means now: a waiting job ends at once, a job under way is asked to stop and ends when its run
 * reports the end. Asking twice is harmless. Throws `invalid_job_state` for a finished job.
 */
export function requestCancel(record: JobRecord, by: string, nowMs: number): JobChange | null {
  const { status } = record.wire;
  if (!isActive(status)) {
    throw fail("invalid_job_state", { status, action: "cancelling", allowed: activeStatuses });
  }
  if (status === "pending") {
    return moveTo(record, "cancelled", nowMs, {
      wire: { cancel_requested: true },
      reason: "Cancelled before it started",
    });
  }
  if (record.wire.cancel_requested) return null;
  return { wire: { cancel_requested: true }, events: [{ type: "job.cancel_requested", data: { by } }] };
}

/**
 * Has the server itself stop a job that is under way, with the reason that the job will show; null when it is being
 * stopped already or is over.
 */
export function requestStop(
  record: JobRecord,
  stopReason: NonNullable<JobPrivate["stopReason"]>,
): JobChange | null {
  if (record.wire.cancel_requested || !isActive(record.wire.status)) return null;
  return {
    wire: { cancel_requested: true },
    private: { stopReason },
    events: [{ type: "job.cancel_requested", data: { by: "server", reason: stopReason.message } }],
  };
}

/** Takes a waiting job into work under a fresh run token; `owner` says who drives it. */
export function beginWork(
  record: JobRecord,
  runToken: string,
  nowMs: number,
  owner: Pick<JobPrivate, "owner"> = {},
): JobChange | null {
  if (record.wire.status !== "pending") return null;
  const to = record.private.transfer === "package" ? "uploading" : "queued";
  return moveTo(record, to, nowMs, {
    wire: { attempt: record.wire.attempt + 1 },
    private: { runToken, handedOver: false, ...owner },
  });
}

/**
 * Starts a run that was lost again from its last checkpoint, as a new attempt with a new run token; null when the
 * job has no attempt left.
 */
export function nextAttempt(record: JobRecord, runToken: string, reason: string): JobChange | null {
  const attempt = record.wire.attempt + 1;
  if (attempt > record.wire.max_attempts) return null;
  return {
    wire: { attempt },
    private: { runToken, handedOver: false, logPosition: 0 },
    events: [{ type: "job.attempt", data: { attempt, reason } }],
  };
}

/**
 * How a run ended, as its provider reports it. `billedSeconds` is the time the provider charges for, if it tells;
 * without it the server's own count stands.
 */
export type RunEnd = (
  | { outcome: "completed"; outputUrl: string | null }
  | { outcome: "failed"; code: string; message: string }
  | { outcome: "cancelled" }
) & { billedSeconds?: number | null };

/**
 * Applies the end of the run named `runToken`. A report of another run, or about a job that is over, changes
 * nothing but is kept in the history. A run that ends after cancel was asked is cancelled, unless it completed.
 */
export function endRun(record: JobRecord, runToken: string, end: RunEnd, nowMs: number): JobChange {
  if (record.private.runToken !== runToken || !isActive(record.wire.status)) {
    return ignoredReport(record, `the run ended: ${end.outcome}`);
  }
  const done: Partial<Job> = { upload_progress: null };
  const stopped = record.private.stopReason;
  if (end.outcome === "completed") {
    return moveTo(record, "completed", nowMs, {
      wire: { ...done, output_url: end.outputUrl, error_code: null, error_message: null },
      private: { runToken: null },
    });
  }
  if (end.outcome === "cancelled" || record.wire.cancel_requested) {
    return moveTo(record, "cancelled", nowMs, {
      wire: { ...done, error_code: stopped?.code ?? null, error_message: stopped?.message ?? null },
      private: { runToken: null },
      reason: stopped?.message ?? "Cancelled on request",
    });
  }
  return moveTo(record, "failed", nowMs, {
    wire: { ...done, error_code: end.code, error_message: end.message },
    private: { runToken: null },
    reason: end.message,
  });
}

/**
 * What becomes of an active job when the database is that of a backup: it may have gone on since. What no provider
 * held then is not started by itself, lest it runs, and is paid for, twice; what one held is followed, but not begun
 * again when it is not found.
 */
export function settleRestored(record: JobRecord, backupId: string, nowMs: number): JobChange | null {
  if (!isActive(record.wire.status)) return null;
  if (record.private.handedOver) return { wire: { max_attempts: record.wire.attempt }, events: [] };
  const { code, message } = fail("job_restored", { backup_id: backupId });
  return moveTo(record, "cancelled", nowMs, {
    wire: { error_code: code, error_message: message, upload_progress: null },
    private: { runToken: null },
    reason: message,
  });
}

/** The change that records a late or duplicate report without applying it. */
export function ignoredReport(record: JobRecord, report: string): JobChange {
  return { events: [{ type: "job.report_ignored", data: { report, status: record.wire.status } }] };
}

function statesBefore(to: JobStatus): string[] {
  return Object.entries(transitions)
    .filter(([, targets]) => targets.includes(to))
    .map(([from]) => from);
}
