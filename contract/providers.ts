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
} as const;
