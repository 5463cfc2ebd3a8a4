import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { isActive } from "@simpletuner-cloud/contract/jobs.ts";

/** What the server alone knows of a job. */
export interface JobPrivate {
  /** Names one run of one attempt; a report that carries another token is late and is not applied. */
  runToken: string | null;
  /** True once the provider holds the run, so that it is followed rather than started. */
  handedOver: boolean;
  /** Whether the datasets are read where they are or travel as an archive. */
  transfer: "in_place" | "package";
  /** Fingerprint of the datasets the user agreed to send; null when nothing is sent or asking is switched off. */
  consentedFingerprint: string | null;
  /** The hardware that was chosen, by the provider's name for it; absent when the provider decides. */
  hardware?: string | null;
  /** Why the server itself asked the job to stop; absent when a person did, or nobody. */
  stopReason?: { code: ErrorCode; message: string };
  /**
   * What an hour costs of a run that was started elsewhere and taken over. No limit of this server applies to it; its cost
   * is known at its end.
   */
  foundRateMicrosPerHour?: number;
  /**
   * The server that drives the job among several, and the machine on which it began the run; absent where there is one
   * server only, and while nobody drives it yet.
   */
  owner?: JobOwner;
  /** The trace of the request that submitted it, which its run goes on with; absent when nothing was traced then. */
  traceparent?: string;
  /** The provider's own id of the run, if it has one. */
  externalId: string | null;
  /** How far the provider's log has been read: its position and the number of lines stored. */
  logPosition: number;
  logLines: number;
}

/** Who drives a job. */
export interface JobOwner {
  replica: string;
  machine: string;
}

/** A job: what everybody may read and what the server keeps to itself. */
export interface JobRecord {
  readonly wire: Job;
  readonly private: JobPrivate;
  /** Grows with every write. */
  readonly version: number;
}

/** The fields of a new job that its creator decides. */
export interface NewJob {
  jobId: string;
  userId: string;
  provider: string;
  jobType: Job["job_type"];
  name: string;
  configName: string | null;
  modelFamily: string | null;
  transfer: JobPrivate["transfer"];
  consentedFingerprint: string | null;
  retryOf: string | null;
  hardwareType: string | null;
  /** See {@link JobPrivate}. */
  hardware?: string | null;
  /** What it costs before it starts, and what it will probably cost; null when nobody can tell. */
  costUsd?: number | null;
  estimatedCostUsd?: number | null;
  metadata: Record<string, unknown>;
  /** See {@link JobPrivate}. */
  traceparent?: string | undefined;
}

/** How often a job may start before a lost run fails it (CONTRACT 2.1: max_attempts = 3). */
export const maxAttempts = 3;

/** The record of a job that has just been submitted. */
export function newJobRecord(job: NewJob, nowMs: number): JobRecord {
  const at = new Date(nowMs).toISOString();
  return {
    version: 1,
    wire: {
      job_id: job.jobId,
      job_type: job.jobType,
      provider: job.provider,
      status: "pending",
      name: job.name,
      config_name: job.configName,
      model_family: job.modelFamily,
      user_id: job.userId,
      created_at: at,
      started_at: null,
      completed_at: null,
      updated_at: at,
      duration_seconds: null,
      is_active: true,
      is_terminal: false,
      queue_position: null,
      attempt: 0,
      max_attempts: maxAttempts,
      cancel_requested: false,
      cost_usd: job.costUsd ?? null,
      estimated_cost_usd: job.estimatedCostUsd ?? null,
      hardware_type: job.hardwareType,
      error_code: null,
      error_message: null,
      output_url: null,
      retry_of: job.retryOf,
      progress: null,
      upload_progress: null,
      metadata: job.metadata,
    },
    private: {
      runToken: null,
      handedOver: false,
      transfer: job.transfer,
      consentedFingerprint: job.consentedFingerprint,
      hardware: job.hardware ?? null,
      ...(job.traceparent !== undefined && { traceparent: job.traceparent }),
      externalId: null,
      logPosition: 0,
      logLines: 0,
    },
  };
}

/** Applies a change to a record and derives what follows from it: activity, duration, `updated_at`. */
export function withChange(
  record: JobRecord,
  change: { wire?: Partial<Job>; private?: Partial<JobPrivate> },
  nowMs: number,
): JobRecord {
  const wire: Job = { ...record.wire, ...change.wire, updated_at: new Date(nowMs).toISOString() };
  wire.is_active = isActive(wire.status);
  wire.is_terminal = !wire.is_active;
  wire.duration_seconds = durationSeconds(wire, nowMs);
  return { version: record.version + 1, wire, private: { ...record.private, ...change.private } };
}

/** Seconds from start to end, or to now while the job runs; null before the start. */
export function durationSeconds(job: Pick<Job, "started_at" | "completed_at">, nowMs: number): number | null {
  if (job.started_at === null) return null;
  const end = job.completed_at === null ? nowMs : Date.parse(job.completed_at);
  return Math.max(0, Math.round((end - Date.parse(job.started_at)) / 100) / 10);
}
