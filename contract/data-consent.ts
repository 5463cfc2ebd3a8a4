import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeNumber, MaybeString } from "./instants.ts";

/** `ask` needs the plan's token, `allow` sends without asking, `deny` never sends. */
export const ConsentMode = Type.Union([Type.Literal("ask"), Type.Literal("allow"), Type.Literal("deny")]);
/** See the schema. */
export type ConsentMode = Static<typeof ConsentMode>;

/** One file or folder that stays here, and why. */
export const ExcludedEntry = Type.Object({
  path: Type.String({ description: "Relative to the dataset's folder" }),
  rule: Type.String({ description: "Id of the rule that excluded it" }),
  reason: Type.String(),
});

/** One dataset of a plan. */
export const PlannedDataset = Type.Object({
  id: Type.String(),
  instance_data_dir: Type.String(),
  archive_dir: Type.String({ description: "Where the files lie inside the archive" }),
  file_count: Type.Integer(),
  total_bytes: Type.Integer(),
  excluded_count: Type.Integer(),
  excluded: Type.Array(ExcludedEntry, { description: "The first 1,000" }),
});

/** Something about the way to the trainer that its owner should know; `code` is for translations. */
export const RouteNote = Type.Object({
  code: Type.String({ description: "Id of the sentence" }),
  dataset_id: MaybeString,
  field: MaybeString,
  message: Type.String(),
});
/** See the schema. */
export type RouteNote = Static<typeof RouteNote>;

/**
 * How the datasets reach the trainer: read where they are; an archive on this machine; an upload to the provider; an
 * archive that the provider fetches from this server or a bucket; dataset repositories of the Hugging Face Hub; or
 * nothing of this machine is needed.
 */
export const datasetWays = ["in_place", "machine", "upload", "staged", "hub", "nothing"] as const;

const RouteRefusal = Type.Object({
  code: Type.String(),
  message: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
});
/** See the schema. */
export type RouteRefusal = Static<typeof RouteRefusal>;

/** How the datasets would travel, and what does not travel with them. */
export const DatasetRoute = Type.Object({
  way: Type.Enum(datasetWays),
  size_bytes: Type.Integer({ description: "What travels" }),
  limit_bytes: MaybeNumber,
  notes: Type.Array(RouteNote, {
    description: "Settings that are not carried or that the trainer overrides",
  }),
  refusal: Type.Union([RouteRefusal, Type.Null()], { description: "Why a submit would be refused" }),
});
/** See the schema. */
export type DatasetRoute = Static<typeof DatasetRoute>;

/** What a submit would send: shown to the user, bound to the consent token. */
export const DatasetPlan = Type.Object({
  requires_upload: Type.Boolean({ description: "False when the datasets are read in place" }),
  consent_mode: ConsentMode,
  destination: Type.String({ description: "Where the datasets would go, in words" }),
  deleted_when: Type.String({ description: "When they are deleted there, in words" }),
  route: DatasetRoute,
  datasets: Type.Array(PlannedDataset),
  total_files: Type.Integer(),
  total_bytes: Type.Integer(),
  archive_bytes: Type.Integer({ description: "Expected size of the archive" }),
  archive_bytes_exact: Type.Boolean(),
  fingerprint: Type.String({ description: "Changes with every change of an included file" }),
  consent_token: MaybeString,
  message: MaybeString,
});
/** See the schema. */
export type DatasetPlan = Static<typeof DatasetPlan>;

const PlanRequest = Type.Object(
  {
    provider: Type.Optional(Type.String()),
    dataset_transfer: Type.Optional(Type.Union([Type.Literal("in_place"), Type.Literal("package")])),
    config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    config_name_to_load: Type.Optional(Type.String({ maxLength: 100 })),
    dataloader_config: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
    dataloader_name: Type.Optional(Type.String({ maxLength: 100 })),
    retry_of: Type.Optional(
      Type.String({ maxLength: 64, description: "Plan the frozen inputs of this job" }),
    ),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type PlanRequest = Static<typeof PlanRequest>;

const tag = "Data consent";

/** Endpoints of the dataset plan and the consent to send it. */
export const dataConsentEndpoints = {
  getConsentSetting: endpoint({
    method: "GET",
    path: "/api/cloud/data-consent/setting",
    access: "config.view",
    tag,
    summary: "How this server treats uploads of datasets",
    answer: Type.Object({ consent: ConsentMode }),
    errors: [],
  }),
  putConsentSetting: endpoint({
    method: "PUT",
    path: "/api/cloud/data-consent/setting",
    access: "admin.config",
    tag,
    summary: "Set always ask, always allow or never upload",
    body: Type.Object({ consent: ConsentMode }, { additionalProperties: false }),
    answer: Type.Object({ success: Type.Literal(true), consent: ConsentMode }),
    errors: [],
  }),
  previewDatasets: endpoint({
    method: "POST",
    path: "/api/cloud/data-consent/preview",
    access: "job.submit",
    tag,
    summary: "What a submit would send, file by file, and the token that consents to exactly that",
    body: PlanRequest,
    answer: DatasetPlan,
    errors: [
      "no_configuration",
      "config_not_found",
      "config_invalid",
      "dataset_missing",
      "dataset_not_a_folder",
      "dataset_unreadable",
      "dataset_empty",
      "dataset_refused",
      "unknown_provider",
      "job_not_found",
    ],
  }),
} as const;
