import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeNumber, MaybeString } from "./instants.ts";

const tag = "Jobs";

/** How far the datasets of a submit are, as the upload stream tells it twice a second. */
export const UploadProgress = Type.Object({
  stage: Type.Enum(["scanning", "packaging", "uploading", "complete", "error"] as const),
  current: Type.Integer({ description: "Bytes" }),
  total: Type.Integer({ description: "Bytes; 0 while it is not known" }),
  percent: Type.Number(),
  message: Type.String(),
  done: Type.Boolean(),
  error: MaybeString,
  updated_at: Instant,
  job_id: MaybeString,
  bytes_per_second: Type.Number({ description: "Mean of five seconds" }),
  eta_seconds: MaybeNumber,
  current_file: MaybeString,
});
/** See the schema. */
export type UploadProgress = Static<typeof UploadProgress>;

/** Endpoints that a form asks before it submits, and while what it submitted is on its way. */
export const preSubmitEndpoints = {
  preSubmitCheck: endpoint({
    method: "GET",
    path: "/api/cloud/pre-submit-check",
    access: "job.submit",
    tag,
    summary: "Whether the configurations are committed, and what a run of one would be called",
    query: Type.Object({ config_name: Type.Optional(Type.String({ maxLength: 100 })) }),
    answer: Type.Object({
      git_available: Type.Boolean(),
      repo_present: Type.Boolean(),
      is_dirty: Type.Boolean(),
      dirty_count: Type.Integer(),
      dirty_paths: Type.Array(Type.String()),
      current_commit: MaybeString,
      current_abbrev: MaybeString,
      current_branch: MaybeString,
      snapshot_on_submit: Type.Boolean({
        description: "Uncommitted changes are committed when a job is submitted",
      }),
      tracker_run_name: MaybeString,
      config_name: MaybeString,
    }),
    errors: ["config_not_found", "git_refused"],
  }),
  hardwareOptions: endpoint({
    method: "GET",
    path: "/api/cloud/hardware-options",
    access: "config.view",
    tag,
    summary: "The hardware of a provider with its prices",
    query: Type.Object({
      provider: Type.Optional(Type.String({ maxLength: 40, description: "Default: replicate" })),
    }),
    answer: Type.Object({
      hardware: Type.Array(
        Type.Object({
          id: Type.String(),
          name: Type.String(),
          cost_per_second: MaybeNumber,
          cost_per_hour: MaybeNumber,
          available: Type.Boolean(),
        }),
      ),
      default_hardware: MaybeString,
      message: Type.String(),
    }),
    errors: ["unknown_provider"],
  }),
  uploadProgress: endpoint({
    method: "GET",
    path: "/api/webhooks/upload/progress/{upload_id}",
    access: "job.view.own",
    tag,
    summary: "How far the datasets of a submit are, live; by the submit's upload_id or the job's id",
    params: Type.Object({ upload_id: Type.String({ minLength: 1, maxLength: 64 }) }),
    answer: {
      stream: "sse",
      description:
        "`data:` is the progress as JSON, twice a second; ends when the job has started or is over. May be opened before the submit",
    },
    errors: ["job_not_found", "too_many_streams"],
  }),
} as const;
