import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant, MaybeNumber, MaybeString } from "./instants.ts";
import { SecretWritten } from "./secrets.ts";

/** Whose token it is; with `valid` false, `error` says why, with null nobody could tell. */
export const AccountCheck = Type.Object({
  valid: Type.Union([Type.Boolean(), Type.Null()]),
  user_info: Type.Union([
    Type.Object({
      username: Type.String(),
      name: MaybeString,
      github_url: MaybeString,
      token_source: Type.String({ description: "environment, file, aws or vault" }),
    }),
    Type.Null(),
  ]),
  error: MaybeString,
});
/** See the schema. */
export type AccountCheck = Static<typeof AccountCheck>;

const TokenWritten = Type.Object({ ...SecretWritten.properties, ...AccountCheck.properties });

/** A version of a model that trains. */
export const ModelVersion = Type.Object({
  id: Type.String(),
  created_at: MaybeInstant,
  model_id: Type.String(),
  full_version: Type.String({ description: "What version_override takes" }),
});
/** See the schema. */
export type ModelVersion = Static<typeof ModelVersion>;

const StatusEntry = Type.Object({
  name: Type.String(),
  status: MaybeString,
  url: MaybeString,
  message: MaybeString,
  updated_at: MaybeString,
});
/** See the schema. */
export type StatusEntry = Static<typeof StatusEntry>;

/** What the provider's own status page says; `operational` is null where it does not answer. */
export const ProviderStatus = Type.Object({
  operational: Type.Union([Type.Boolean(), Type.Null()]),
  ongoing_incidents: Type.Array(StatusEntry),
  in_progress_maintenances: Type.Array(StatusEntry),
  scheduled_maintenances: Type.Array(StatusEntry),
  status_page_url: MaybeString,
  error: MaybeString,
});
/** See the schema. */
export type ProviderStatus = Static<typeof ProviderStatus>;

const tag = "Providers";
const noSecret = ["secret_not_stored"] as const;

/** Endpoints of the account at Replicate. */
export const providerAccountEndpoints = {
  putReplicateToken: endpoint({
    method: "PUT",
    path: "/api/cloud/providers/replicate/token",
    access: "admin.config",
    tag,
    summary: "Stores the account's token and asks Replicate whose it is; it holds from the next call on",
    body: Type.Object(
      { api_token: Type.String({ minLength: 1, maxLength: 400 }) },
      { additionalProperties: false },
    ),
    answer: TokenWritten,
    errors: noSecret,
  }),
  deleteReplicateToken: endpoint({
    method: "DELETE",
    path: "/api/cloud/providers/replicate/token",
    access: "admin.config",
    tag,
    summary: "Removes the token that was stored here; one of the environment stays",
    answer: SecretWritten,
    errors: noSecret,
  }),
  validateReplicate: endpoint({
    method: "GET",
    path: "/api/cloud/providers/replicate/validate",
    access: "admin.config",
    tag,
    summary: "Whose token it is and where it comes from",
    answer: AccountCheck,
    errors: [],
  }),
  listReplicateVersions: endpoint({
    method: "GET",
    path: "/api/cloud/providers/replicate/versions",
    access: "admin.config",
    tag,
    summary: "Versions of a model, the newest first",
    query: Type.Object({
      model_id: Type.Optional(
        Type.String({
          maxLength: 200,
          pattern: "^[\\w.-]+/[\\w.-]+$",
          description: "owner/name; default: the one that trains",
        }),
      ),
    }),
    answer: Type.Object({
      versions: Type.Array(ModelVersion),
      current_version: Type.Union([Type.String(), Type.Null()], { description: "The one that is pinned" }),
      error: MaybeString,
    }),
    errors: [],
  }),
  replicateBilling: endpoint({
    method: "GET",
    path: "/api/cloud/providers/replicate/billing",
    access: "job.view.own",
    tag,
    summary: "Prices; Replicate's API tells no balance",
    answer: Type.Object({
      balance: Type.Null(),
      balance_note: Type.String(),
      hardware: Type.Record(
        Type.String(),
        Type.Object({ name: Type.String(), cost_per_hour_usd: MaybeNumber }),
      ),
      default_hardware: MaybeString,
    }),
    errors: [],
  }),
  refreshBilling: endpoint({
    method: "POST",
    path: "/api/cloud/billing/refresh",
    access: "admin.config",
    tag,
    summary: "The credit at the providers as of now; none of them tells it",
    answer: Type.Object({
      credit_balance: Type.Null(),
      estimated_jobs_remaining: Type.Null(),
      error: Type.String(),
    }),
    errors: [],
  }),
  replicateStatus: endpoint({
    method: "GET",
    path: "/api/cloud/replicate/status",
    access: "job.view.own",
    tag,
    summary: "What Replicate's status page says",
    answer: ProviderStatus,
    errors: [],
  }),
  systemStatus: endpoint({
    method: "GET",
    path: "/api/cloud/system-status",
    access: "job.view.own",
    tag,
    summary: "The same under its short name",
    answer: ProviderStatus,
    errors: [],
  }),
} as const;
