import type { AllHandlers } from "../http/mount-api.ts";
import { circuitBreakerService } from "../services/circuit-breakers.ts";
import { publishingService } from "../services/publishing.ts";
import { secretService } from "../services/secrets.ts";
import { tunnelService } from "../services/tunnel.ts";
import type { Parts } from "./open-parts.ts";

/** What is about the ways between this server and services outside. */
export function outsideHandlers(
  parts: Parts,
): Pick<AllHandlers, "secrets" | "circuitBreakers" | "tunnel" | "publishing"> {
  const shared = { ...parts, ...parts.stores };
  return {
    secrets: secretService(parts),
    circuitBreakers: circuitBreakerService(shared),
    tunnel: tunnelService(shared),
    publishing: publishingService(shared),
  };
}
