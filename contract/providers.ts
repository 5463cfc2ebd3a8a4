import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeNumber, MaybeString } from "./instants.ts";

/** A place where jobs run, and what it can do. */
export const Provider = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  configured: Type.Boolean(),
  coming_soon: Type.Boolean(),
  unavailable_reason: MaybeString,
  capabilities: Type.Object({
    cost: Type.Boolean(),
    live_logs: Type.Boolean(),
    cancel: Type.Boolean(),
    resume: Type.Boolean(),
    reads_in_place: Type.Boolean({ description: "Can read datasets where they are; nothing is sent" }),
  }),
  hardware: Type.Array(
    Type.Object({ id: Type.String(), name: Type.String(), cost_per_hour_usd: MaybeNumber }),
  ),
  trainer: Type.Union([Type.Object({ kind: Type.String(), detail: Type.String() }), Type.Null()]),
});
/** See the schema. */
export type Provider = Static<typeof Provider>;

/** What a job would cost and take, and what that is based on. */
export const CostEstimate = Type.Object({
  provider: Type.String(),
  estimated_cost_usd: MaybeNumber,
  cost_per_hour_usd: MaybeNumber,
  duration_seconds_low: MaybeNumber,
  duration_seconds_high: MaybeNumber,
  basis: Type.Union([Type.Literal("history"), Type.Literal("none"), Type.Literal("free")]),
  past_runs: Type.Integer(),
  message: Type.String(),
});
/** See the schema. */
export type CostEstimate = Static<typeof CostEstimate>;

const tag = "Providers";

/** Endpoints of providers. */
export const providerEndpoints = {
  listProviders: endpoint({
    method: "GET",
    path: "/api/cloud/providers",
    access: "config.view",
    tag,
    summary: "Places where jobs can run",
    answer: Type.Object({ providers: Type.Array(Provider), default_provider: Type.String() }),
    errors: [],
  }),
  estimateCost: endpoint({
    method: "POST",
    path: "/api/cloud/cost-estimate",
    access: "job.submit",
    tag,
    summary: "Cost and time of a job before it is submitted",
    body: Type.Object(
      {
        provider: Type.Optional(Type.String()),
        config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        config_name_to_load: Type.Optional(Type.String({ maxLength: 100 })),
      },
      { additionalProperties: false },
    ),
    answer: CostEstimate,
    errors: ["unknown_provider", "config_not_found"],
  }),
} as const;
