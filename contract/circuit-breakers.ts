import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant, MaybeNumber } from "./instants.ts";

/** What keeps calls away from a service outside that fails. `retry_after`: seconds until it is tried, while it is open. */
export const CircuitBreakerState = Type.Object({
  name: Type.String(),
  state: Type.Union([Type.Literal("closed"), Type.Literal("open"), Type.Literal("half_open")], {
    description: "closed: calls go through; open: they are refused; half_open: a few are tried",
  }),
  failure_count: Type.Integer({ description: "In a row" }),
  success_count: Type.Integer({ description: "Of trials, while it is half open" }),
  last_failure: MaybeInstant,
  retry_after: MaybeNumber,
});
/** See the schema. */
export type CircuitBreakerState = Static<typeof CircuitBreakerState>;

const tag = "System";

/** Endpoints of circuit breakers. */
export const circuitBreakerEndpoints = {
  listCircuitBreakers: endpoint({
    method: "GET",
    path: "/api/cloud/circuit-breakers",
    access: "job.view.own",
    tag,
    summary: "Whether calls to services outside go through",
    answer: Type.Object({ circuit_breakers: Type.Array(CircuitBreakerState), total: Type.Integer() }),
    errors: ["state_unavailable"],
  }),
  resetCircuitBreaker: endpoint({
    method: "POST",
    path: "/api/cloud/circuit-breakers/{breaker}/reset",
    access: "admin.config",
    tag,
    summary: "Lets calls through again at once, on every replica",
    params: Type.Object({ breaker: Type.String({ minLength: 1, maxLength: 80 }) }),
    answer: CircuitBreakerState,
    errors: ["circuit_breaker_not_found", "state_unavailable"],
  }),
} as const;
