import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeNumber, MaybeString } from "./instants.ts";

/** States of a job. `pending` waits in our queue, `queued` waits at the provider. */
export const jobStatuses = [
  "pending",
  "uploading",
  "queued",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const;
/** One state of {@link jobStatuses}. */
export type JobStatus = (typeof jobStatuses)[number];

/** States from which a job still moves. */
export const activeStatuses = [
  "pending",
  "uploading",
  "queued",
  "running",
] as const satisfies readonly JobStatus[];
/** States that never change again. */
export const terminalStatuses = ["completed", "failed", "cancelled"] as const satisfies readonly JobStatus[];

/** True while the job can still move. */
export function isActive(status: JobStatus): boolean {
  return (activeStatuses as readonly JobStatus[]).includes(status);
}

const Status = Type.Enum(jobStatuses);
const JobType = Type.Union([Type.Literal("local"), Type.Literal("cloud")]);

/** Where a running job stands; every number is the trainer's own. */
export const JobProgress = Type.Object({
  stage: Type.String({
    description: "Preparing | Preprocessing | Training | Validation | Saving checkpoint | Uploading",
  }),
  step: MaybeNumber,
  total_steps: MaybeNumber,
  percent: MaybeNumber,
  epoch: MaybeNumber,
  loss: MaybeNumber,
  learning_rate: MaybeNumber,
  steps_per_second: MaybeNumber,
  eta_seconds: MaybeNumber,
  last_log: Type.Union([Type.String({ maxLength: 80 }), Type.Null()]),
  updated_at: Instant,
});
/** See the schema. */
export type JobProgress = Static<typeof JobProgress>;

/** Bytes on their way: the dataset out (`packaging`) or results home (`receiving`). */
export const TransferProgress = Type.Object({
  stage: Type.Union([
    Type.Literal("scanning"),
    Type.Literal("packaging"),
    Type.Literal("uploading"),
    Type.Literal("receiving"),
    Type.Literal("complete"),
  ]),
  files_done: Type.Number(),
  files_total: MaybeNumber,
  bytes_done: Type.Number(),
  bytes_total: MaybeNumber,
  bytes_per_second: Type.Number(),
  eta_seconds: MaybeNumber,
  current_file: MaybeString,
  updated_at: Instant,
});
/** See the schema. */
export type TransferProgress = Static<typeof TransferProgress>;

/** A job as every reader sees it; no field ever holds a secret. */
export const Job = Type.Object({
  job_id: Type.String(),
  job_type: JobType,
  provider: Type.String(),
  status: Status,
  name: Type.String({ description: "Run name for people; the config's name when none was given" }),
  config_name: MaybeString,
  model_family: MaybeString,
  user_id: Type.String(),
  created_at: Instant,
  started_at: MaybeInstant,
  completed_at: MaybeInstant,
  updated_at: Instant,
  duration_seconds: MaybeNumber,
  is_active: Type.Boolean(),
  is_terminal: Type.Boolean(),
  queue_position: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
    description: "1 = next to start; null unless pending",
  }),
  attempt: Type.Integer({ description: "0 before the first start; 2 and more after a resume" }),
  max_attempts: Type.Integer(),
  cancel_requested: Type.Boolean(),
  cost_usd: MaybeNumber,
  estimated_cost_usd: MaybeNumber,
  hardware_type: MaybeString,
  error_code: MaybeString,
  error_message: MaybeString,
  output_url: MaybeString,
  retry_of: MaybeString,
  progress: Type.Union([JobProgress, Type.Null()]),
  upload_progress: Type.Union([TransferProgress, Type.Null()]),
  metadata: Type.Record(Type.String(), Type.Unknown()),
});
/** See the schema. */
export type Job = Static<typeof Job>;

/** Path parameters of one job. */
export const JobParams = Type.Object({ job_id: Type.String({ minLength: 1, maxLength: 64 }) });

/** One entry of a job's history; `data` depends on `type`, see events.ts. */
export const JobEvent = Type.Object({
  id: Type.Integer({ description: "Grows with every event of the server; resume streams after it" }),
  job_id: MaybeString,
  type: Type.String(),
  at: Instant,
  data: Type.Record(Type.String(), Type.Unknown()),
});
/** See the schema. */
export type JobEvent = Static<typeof JobEvent>;

/** What submit takes. Unknown fields are refused so that a typing error is told, not ignored. */
export const SubmitJob = Type.Object(
  {
    provider: Type.Optional(Type.String({ description: "Default: local" })),
    hardware: Type.Optional(
      Type.String({ maxLength: 80, description: "One of the provider's hardware ids; default: its first" }),
    ),
    hardware_profile: Type.Optional(
      Type.String({ maxLength: 80, description: "Another name of `hardware`, such as 2xh100 or L40S_X4" }),
    ),
    upload_id: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description: "The caller's own name for the upload, by which its progress can be followed",
      }),
    ),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 120 })),
    tracker_run_name: Type.Optional(Type.String({ minLength: 1, maxLength: 120 })),
    config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    config_name: Type.Optional(Type.String({ maxLength: 100 })),
    config_name_to_load: Type.Optional(Type.String({ maxLength: 100 })),
    dataloader_config: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
    dataloader_name: Type.Optional(Type.String({ maxLength: 100 })),
    dataset_transfer: Type.Optional(
      Type.Union([Type.Literal("in_place"), Type.Literal("package")], {
        description: "in_place reads the folders where they are (local only); package sends an archive",
      }),
    ),
    destinations: Type.Optional(
      Type.Array(Type.String({ maxLength: 80 }), {
        maxItems: 20,
        description: "Names or ids of places for the results, beside this machine; default: the default ones",
      }),
    ),
    consent_token: Type.Optional(Type.String({ maxLength: 200 })),
    idempotency_key: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    snapshot_name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 120,
        description: "Names the version of the configurations that is committed with this job",
      }),
    ),
    snapshot_message: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type SubmitJob = Static<typeof SubmitJob>;

const ListQuery = Type.Object({
  status: Type.Optional(
    Type.String({ description: "One state, several separated by commas, or `active` / `terminal`" }),
  ),
  job_type: Type.Optional(JobType),
  provider: Type.Optional(Type.String({ maxLength: 40 })),
  user_id: Type.Optional(Type.String({ maxLength: 64 })),
  q: Type.Optional(
    Type.String({ maxLength: 200, description: "Part of the name, the config's name or the id" }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
  sync_active: Type.Optional(
    Type.Boolean({
      description: "First look at what runs at providers, which takes up to three seconds; default false",
    }),
  ),
  cursor: Type.Optional(
    Type.String({ maxLength: 200, description: "next_cursor or prev_cursor of an answer, or `last`" }),
  ),
});

const JobList = Type.Object({
  jobs: Type.Array(Job),
  total: Type.Integer({ description: "Jobs that match the filters, not the length of this page" }),
  next_cursor: MaybeString,
  prev_cursor: MaybeString,
  counts: Type.Record(Type.String(), Type.Integer(), {
    description: "Jobs by status under the other filters",
  }),
});
/** See the schema. */
export type JobList = Static<typeof JobList>;

/** The job's frozen inputs as submitted, without secrets. */
export const JobConfig = Type.Object({
  job_id: Type.String(),
  config: Type.Record(Type.String(), Type.Unknown()),
  dataloader_config: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  dataset_transfer: Type.Union([Type.Literal("in_place"), Type.Literal("package")]),
  fingerprint: MaybeString,
});
/** See the schema. */
export type JobConfig = Static<typeof JobConfig>;

const tag = "Jobs";

/** Endpoints of jobs. */
export const jobEndpoints = {
  listJobs: endpoint({
    method: "GET",
    path: "/api/cloud/jobs",
    access: "job.view.own",
    tag,
    summary: "List jobs, newest first, with real totals",
    query: ListQuery,
    answer: JobList,
    errors: ["invalid_cursor"],
  }),
  submitJob: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/submit",
    access: "job.submit",
    tag,
    summary: "Submit a job; equal idempotency keys give one job",
    query: Type.Object({ provider: Type.Optional(Type.String()) }),
    body: SubmitJob,
    status: 201,
    answer: Type.Object({
      success: Type.Literal(true),
      job_id: Type.String(),
      status: Status,
      upload_id: Type.String({ description: "The one that was sent, else the job's id" }),
      idempotent_hit: Type.Boolean(),
      cost_limit_warning: MaybeString,
      job: Job,
    }),
    errors: [
      "no_configuration",
      "config_not_found",
      "config_invalid",
      "unknown_provider",
      "provider_unavailable",
      "consent_required",
      "consent_denied",
      "consent_stale",
      "dataset_missing",
      "dataset_not_a_folder",
      "dataset_unreadable",
      "dataset_empty",
      "dataset_refused",
      "archive_over_limit",
      "datasets_not_carried",
      "idempotency_key_reused",
      "cost_limit_exceeded",
      "unknown_hardware",
      "unknown_destination",
      "disk_full",
    ],
  }),
  getJob: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}",
    access: "job.view.own",
    tag,
    summary: "One job",
    params: JobParams,
    answer: Type.Object({ job: Job }),
    errors: ["job_not_found"],
  }),
  cancelJob: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/cancel",
    access: "job.cancel.own",
    tag,
    summary: "Cancel an active job; a running one stops within its grace time",
    params: JobParams,
    answer: Type.Object({ success: Type.Literal(true), job_id: Type.String(), status: Status }),
    errors: ["job_not_found", "invalid_job_state"],
  }),
  retryJob: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/retry",
    access: "job.submit",
    tag,
    status: 201,
    summary: "Submit a finished job's frozen inputs again as a new job",
    params: JobParams,
    body: Type.Object(
      {
        consent_token: Type.Optional(Type.String({ maxLength: 200 })),
        idempotency_key: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ success: Type.Literal(true), job_id: Type.String(), status: Status, job: Job }),
    errors: [
      "job_not_found",
      "invalid_job_state",
      "consent_required",
      "consent_denied",
      "consent_stale",
      "dataset_missing",
      "archive_over_limit",
      "datasets_not_carried",
      "cost_limit_exceeded",
    ],
  }),
  deleteJob: endpoint({
    method: "DELETE",
    path: "/api/cloud/jobs/{job_id}",
    access: "job.delete.own",
    tag,
    summary: "Delete a finished job with its log and history; `keep_outputs` keeps its files",
    params: JobParams,
    query: Type.Object({ keep_outputs: Type.Optional(Type.Boolean({ default: true })) }),
    answer: Type.Object({ success: Type.Literal(true), job_id: Type.String() }),
    errors: ["job_not_found", "invalid_job_state"],
  }),
  inlineProgress: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/inline-progress",
    access: "job.view.own",
    tag,
    summary: "Stage, step, percent, loss and time left",
    params: JobParams,
    answer: Type.Object({
      job_id: Type.String(),
      stage: MaybeString,
      last_log: MaybeString,
      progress: MaybeNumber,
      step: MaybeNumber,
      total_steps: MaybeNumber,
      loss: MaybeNumber,
      eta_seconds: MaybeNumber,
    }),
    errors: ["job_not_found"],
  }),
  jobEvents: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/events",
    access: "job.view.own",
    tag,
    summary: "The job's history, oldest first",
    params: JobParams,
    query: Type.Object({
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 500 })),
    }),
    answer: Type.Object({ events: Type.Array(JobEvent) }),
    errors: ["job_not_found"],
  }),
  jobConfig: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/config",
    access: "job.view.own",
    tag,
    summary: "The frozen configuration and datasets of the job",
    params: JobParams,
    answer: JobConfig,
    errors: ["job_not_found"],
  }),
} as const;
