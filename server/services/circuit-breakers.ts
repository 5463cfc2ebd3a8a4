import type {
  circuitBreakerEndpoints,
  CircuitBreakerState,
} from "@simpletuner-cloud/contract/circuit-breakers.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";
import type { CircuitBreaker } from "../adapters/outbound/circuit-breaker.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import type { Handlers } from "./handler.ts";

/** What the breakers' use cases need. */
export interface CircuitBreakerOptions {
  outbound: { breakers(): readonly CircuitBreaker[] };
  serverEvents: ServerEventStore;
}

/** Shows and resets circuit breakers. */
export function circuitBreakerService(
  options: CircuitBreakerOptions,
): Handlers<typeof circuitBreakerEndpoints> {
  return {
    async listCircuitBreakers() {
      const breakers = await Promise.all(options.outbound.breakers().map(stateOf));
      return { circuit_breakers: breakers, total: breakers.length };
    },
    async resetCircuitBreaker({ params }, { caller }) {
      const all = options.outbound.breakers();
      const breaker = all.find(({ name }) => name === params.breaker);
      if (!breaker)
        throw fail("circuit_breaker_not_found", {
          name: params.breaker,
          known: all.map(({ name }) => name),
        });
      await breaker.reset();
      await options.serverEvents.append("circuit_breaker.reset", { name: breaker.name, by: caller.userId });
      return stateOf(breaker);
    },
  };
}

async function stateOf(breaker: CircuitBreaker): Promise<CircuitBreakerState> {
  const { name, state, failures, successes, lastFailureMs, retryAfterMs } = await breaker.view();
  return {
    name,
    state,
    failure_count: failures,
    success_count: successes,
    last_failure: isoOrNull(lastFailureMs),
    retry_after: retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1_000),
  };
}
