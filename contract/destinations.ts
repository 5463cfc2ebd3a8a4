import { Type, type Static } from "typebox";
import { deliveryStatuses } from "./deliveries.ts";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeString } from "./instants.ts";

/** Services that speak S3, whose peculiarities the form knows. */
export const s3Presets = ["aws", "minio", "backblaze", "cloudflare", "other"] as const;

/** What of a job's files is delivered beside the finished model and its description. */
const included = {
  include_samples: Type.Boolean({ description: "Sample images and videos" }),
  include_checkpoints: Type.Boolean({ description: "Every kept checkpoint, to train on from" }),
};

const nameText =
  "{name} is the run's name, {id} the end of the job's id, {job_id} the whole id, {family} the model family, {user} who submitted it, {date} the day of the submit";

const s3Fields = {
  kind: Type.Literal("s3"),
  preset: Type.Enum(s3Presets),
  endpoint: Type.Union([Type.String({ maxLength: 400, pattern: "^https?://[^\\s@?#]+$" }), Type.Null()], {
    description: "Null: Amazon's own for the region",
  }),
  region: Type.String({ minLength: 1, maxLength: 60, pattern: "^[A-Za-z0-9-]+$" }),
  bucket: Type.String({ minLength: 3, maxLength: 63, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]+$" }),
  prefix: Type.String({ maxLength: 300, description: "Folder inside the bucket; may be empty" }),
  folder: Type.String({
    minLength: 1,
    maxLength: 200,
    description: `Folder of one job below it. ${nameText}`,
  }),
  path_style: Type.Boolean({ description: "endpoint/bucket/key instead of bucket.endpoint/key" }),
  public_base_url: Type.Union(
    [Type.String({ maxLength: 400, pattern: "^https?://[^\\s@?#]+$" }), Type.Null()],
    {
      description: "Where people reach the bucket's files, for the link that is shown",
    },
  ),
  access_key_id: Type.String({ minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" }),
  ...included,
};

/** A bucket of any service that speaks S3. */
export const S3Settings = Type.Object(s3Fields, { additionalProperties: false });
/** See the schema. */
export type S3Settings = Static<typeof S3Settings>;

const hubFields = {
  kind: Type.Literal("huggingface"),
  owner: Type.Union(
    [
      Type.String({ minLength: 1, maxLength: 96, pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$" }),
      Type.Null(),
    ],
    { description: "Account or organisation that owns the repositories; null: the token's own account" },
  ),
  repository: Type.String({
    minLength: 1,
    maxLength: 200,
    description: `Name of one job's repository, which is made when it is missing. ${nameText}`,
  }),
  private: Type.Boolean({
    description: "Repositories are made private, and nothing is put into one that everybody can read",
  }),
  license: Type.Union(
    [Type.String({ minLength: 1, maxLength: 60, pattern: "^[a-z0-9][a-z0-9.-]*$" }), Type.Null()],
    { description: "The Hub's identifier of the license in the model card; null: that of the base model" },
  ),
  ...included,
};

/** Model repositories at the Hugging Face Hub, or at the Hub that HF_ENDPOINT names. */
export const HubSettings = Type.Object(hubFields, { additionalProperties: false });
/** See the schema. */
export type HubSettings = Static<typeof HubSettings>;

/** How a place is reached and what goes there. */
export const DestinationSettings = Type.Union([S3Settings, HubSettings]);
/** See the schema. */
export type DestinationSettings = Static<typeof DestinationSettings>;

/** How the newest delivery to a place that was begun went. */
export const LastDelivery = Type.Object({
  job_id: Type.String(),
  status: Type.Enum(deliveryStatuses),
  error_message: MaybeString,
  updated_at: Instant,
});
/** See the schema. */
export type LastDelivery = Static<typeof LastDelivery>;

/** A place that results are delivered to; no field holds a secret. */
export const Destination = Type.Object({
  destination_id: Type.String(),
  name: Type.String(),
  settings: DestinationSettings,
  is_default: Type.Boolean({ description: "Chosen for every job whose submit does not say" }),
  secret: Type.Union([Type.Literal("stored"), Type.Literal("secrets"), Type.Null()], {
    description:
      "Where its key or token comes from: stored with it, or HF_TOKEN of the secrets; null: there is none",
  }),
  problem: Type.Union([Type.String(), Type.Null()], {
    description: "Why nothing can be delivered there now, and the way out",
  }),
  last_delivery: Type.Union([LastDelivery, Type.Null()], {
    description:
      "Null before the first, for those who may not see everybody's jobs, and where it was not asked for",
  }),
  created_at: Instant,
  updated_at: Instant,
});
/** See the schema. */
export type Destination = Static<typeof Destination>;

const Name = Type.String({ minLength: 1, maxLength: 80, pattern: "^[^\\s,](.*[^\\s,])?$" });
const Secret = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 400,
    pattern: "^[\\x21-\\x7e]+$",
    description: "Secret access key of a bucket; left out, the one that is stored stays",
  }),
);

const Token = Type.Optional(
  Type.Union([Type.String({ minLength: 4, maxLength: 400, pattern: "^hf_[\\x21-\\x7e]+$" }), Type.Null()], {
    description:
      "Token of the Hugging Face Hub; left out, the one that is stored stays; null takes it away: HF_TOKEN of the secrets is used",
  }),
);

/** What a destination is made or changed with. */
export const DestinationDraft = Type.Object(
  {
    name: Name,
    settings: DestinationSettings,
    secret_access_key: Secret,
    token: Token,
    is_default: Type.Boolean(),
  },
  { additionalProperties: false },
);
/** See the schema. */
export type DestinationDraft = Static<typeof DestinationDraft>;

/** One step of trying a destination. */
export const TestStep = Type.Object({
  step: Type.String({ description: "connect, read, write, list, delete, token, repository" }),
  state: Type.Union([Type.Literal("good"), Type.Literal("bad"), Type.Literal("skipped")]),
  message: MaybeString,
});
/** See the schema. */
export type TestStep = Static<typeof TestStep>;

/** What trying a destination found. */
export const DestinationTest = Type.Object({ ok: Type.Boolean(), steps: Type.Array(TestStep) });
/** See the schema. */
export type DestinationTest = Static<typeof DestinationTest>;

const tag = "Destinations";
const Params = Type.Object({ destination_id: Type.String({ minLength: 1, maxLength: 64 }) });

/** Endpoints of the places that results are delivered to. */
export const destinationEndpoints = {
  listDestinations: endpoint({
    method: "GET",
    path: "/api/cloud/destinations",
    access: "config.view",
    tag,
    summary: "Places that results can be delivered to, beside this machine",
    query: Type.Object({
      last_delivery: Type.Optional(
        Type.Boolean({ description: "Look up the newest delivery to each, which takes longer" }),
      ),
    }),
    answer: Type.Object({ destinations: Type.Array(Destination) }),
    errors: [],
  }),
  createDestination: endpoint({
    method: "POST",
    path: "/api/cloud/destinations",
    access: "admin.config",
    tag,
    summary: "Add a place",
    body: DestinationDraft,
    status: 201,
    answer: Type.Object({ destination: Destination }),
    errors: ["destination_name_taken", "destination_invalid"],
  }),
  changeDestination: endpoint({
    method: "PUT",
    path: "/api/cloud/destinations/{destination_id}",
    access: "admin.config",
    tag,
    summary: "Change a place; deliveries that failed there are tried again at once",
    params: Params,
    body: DestinationDraft,
    answer: Type.Object({ destination: Destination }),
    errors: ["destination_not_found", "destination_name_taken", "destination_invalid"],
  }),
  deleteDestination: endpoint({
    method: "DELETE",
    path: "/api/cloud/destinations/{destination_id}",
    access: "admin.config",
    tag,
    summary: "Remove a place; what was delivered stays there, what was not is cancelled",
    params: Params,
    answer: Type.Object({ success: Type.Literal(true), destination_id: Type.String() }),
    errors: ["destination_not_found"],
  }),
  testDestination: endpoint({
    method: "POST",
    path: "/api/cloud/destinations/{destination_id}/test",
    access: "admin.config",
    tag,
    summary:
      "Try a place: a small file is written, read and deleted again; of the Hub, the token and what it may do are asked",
    params: Params,
    answer: DestinationTest,
    errors: ["destination_not_found"],
  }),
  testDestinationDraft: endpoint({
    method: "POST",
    path: "/api/cloud/destinations/test",
    access: "admin.config",
    tag,
    summary: "The same for a place that is not stored, or not stored like this",
    body: Type.Object(
      {
        destination_id: Type.Optional(
          Type.String({ maxLength: 64, description: "Whose stored secret to use when none is sent" }),
        ),
        settings: DestinationSettings,
        secret_access_key: Secret,
        token: Token,
      },
      { additionalProperties: false },
    ),
    answer: DestinationTest,
    errors: ["destination_not_found", "destination_invalid"],
  }),
} as const;
