import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeNumber, MaybeString } from "./instants.ts";
import { JobParams } from "./jobs.ts";

/**
 * States of a delivery. `waiting` waits for the job's end or its turn; `failed` is tried again by itself while
 * `next_attempt_at` is set.
 */
export const deliveryStatuses = ["waiting", "running", "delivered", "failed", "cancelled"] as const;
/** One state of {@link deliveryStatuses}. */
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** How far a running delivery is. */
export const DeliveryProgress = Type.Object({
  files_done: Type.Integer({ description: "Those that were there already included" }),
  files_total: Type.Integer(),
  bytes_done: Type.Integer(),
  bytes_total: Type.Integer(),
  bytes_per_second: Type.Integer(),
  eta_seconds: MaybeNumber,
  current_file: MaybeString,
});
/** See the schema. */
export type DeliveryProgress = Static<typeof DeliveryProgress>;

/** The results of one job on their way to one place. */
export const Delivery = Type.Object({
  delivery_id: Type.String(),
  job_id: Type.String(),
  destination_id: MaybeString,
  destination: Type.String({ description: "The place's name when the delivery was ordered" }),
  kind: Type.Union([Type.Literal("huggingface"), Type.Literal("s3")]),
  by: Type.Union([Type.Literal("server"), Type.Literal("trainer")], {
    description: "trainer: the training itself publishes there, because its configuration says so",
  }),
  status: Type.Enum(deliveryStatuses),
  target: Type.Union([Type.String(), Type.Null()], {
    description: "The repository, or s3://bucket/folder/, once it is known",
  }),
  url: MaybeString,
  progress: Type.Union([DeliveryProgress, Type.Null()]),
  attempt: Type.Integer({ description: "Attempts so far" }),
  error_code: MaybeString,
  error_message: MaybeString,
  next_attempt_at: MaybeInstant,
  created_at: Instant,
  started_at: MaybeInstant,
  completed_at: MaybeInstant,
  updated_at: Instant,
});
/** See the schema. */
export type Delivery = Static<typeof Delivery>;

const tag = "Deliveries";
const Params = Type.Object({
  ...JobParams.properties,
  delivery_id: Type.String({ minLength: 1, maxLength: 64 }),
});
const Answer = Type.Object({ success: Type.Literal(true), delivery: Delivery });

/** Endpoints of the deliveries of one job. */
export const deliveryEndpoints = {
  listDeliveries: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/deliveries",
    access: "job.view.own",
    tag,
    summary: "Where a job's results go and how far they are",
    params: JobParams,
    answer: Type.Object({ deliveries: Type.Array(Delivery) }),
    errors: ["job_not_found"],
  }),
  modelCard: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/model-card",
    access: "job.view.own",
    tag,
    summary: "The model card that goes with a job's model to the Hugging Face Hub, as it would be now",
    params: JobParams,
    query: Type.Object({
      destination: Type.Optional(
        Type.String({ maxLength: 80, description: "Name or id: with its license and what it takes" }),
      ),
    }),
    answer: Type.Object({
      card: Type.String({ description: "README.md in the Hugging Face Hub's form: YAML, then Markdown" }),
    }),
    errors: ["job_not_found", "unknown_destination", "delivery_no_files"],
  }),
  deliverJob: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/deliveries",
    access: "job.submit",
    tag,
    summary: "Deliver a job's results to more places, or once more to one that has them",
    params: JobParams,
    body: Type.Object(
      {
        destinations: Type.Optional(
          Type.Array(Type.String({ maxLength: 80 }), {
            minItems: 1,
            maxItems: 20,
            description: "Names or ids; default: every default place that has not got them",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ success: Type.Literal(true), deliveries: Type.Array(Delivery) }),
    errors: ["job_not_found", "unknown_destination", "no_destination", "invalid_delivery_state"],
  }),
  retryDelivery: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/deliveries/{delivery_id}/retry",
    access: "job.submit",
    tag,
    summary: "Try a delivery again now",
    params: Params,
    answer: Answer,
    errors: ["job_not_found", "delivery_not_found", "invalid_delivery_state"],
  }),
  cancelDelivery: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/deliveries/{delivery_id}/cancel",
    access: "job.submit",
    tag,
    summary: "Stop a delivery; files that arrived stay where they are",
    params: Params,
    answer: Answer,
    errors: ["job_not_found", "delivery_not_found", "invalid_delivery_state"],
  }),
} as const;
