import { setTimeout as delay } from "node:timers/promises";
import type { Health } from "@simpletuner-cloud/contract/system.ts";
import type { CircuitBreaker } from "../adapters/outbound/circuit-breaker.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";
import type { SecretChain } from "./secrets.ts";

type Component = Health["components"][number];

/** What the health of everything outside this machine is told from. */
export interface OutsideHealthOptions {
  providers: { readonly all: readonly Provider[] };
  providerSettings: ReadProviderSettings;
  secretChain: SecretChain;
  outbound: { breakers(): readonly CircuitBreaker[] };
}

/** Whoever asks for the health waits at most so long for a source of secrets. */
const waitMs = 2_000;

/** Components for the secrets and for the ways to services outside. */
export async function outsideHealth(options: OutsideHealthOptions): Promise<Component[]> {
  const breakers = await Promise.all(options.outbound.breakers().map(breakerHealth));
  return [await secretsHealth(options.secretChain), ...(await tlsHealth(options)), ...breakers];
}

const breakerMessages = {
  closed: "Calls go through",
  half_open: "It failed several times and is tried again",
  open: "It failed several times in a row and is left alone for a moment",
} as const;

/** A service outside that fails makes this server less able, not unfit: jobs elsewhere go on. */
async function breakerHealth(breaker: CircuitBreaker): Promise<Component> {
  const { name, state } = await breaker.view();
  return {
    name: `circuit_breaker_${name}`,
    status: state === "closed" ? "healthy" : "degraded",
    latency_ms: null,
    message: breakerMessages[state],
  };
}

async function secretsHealth(chain: SecretChain): Promise<Component> {
  const startedAt = performance.now();
  const looked = await Promise.race([chain.look(), delay(waitMs, null, { ref: false })]);
  const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100;
  const component = (status: Component["status"], message: string): Component => ({
    name: "secrets",
    status,
    latency_ms,
    message,
  });
  if (looked === null) return component("degraded", "A source of secrets does not answer in time");
  const silent = looked.filter(({ state }) => !state.answers).map(({ state }) => state.id);
  // Their own words name addresses and paths, which are not for everybody.
  if (silent.length > 0) return component("degraded", `These sources cannot be used: ${silent.join(", ")}`);
  const hasToken = looked.some(({ secrets }) => secrets.has("REPLICATE_API_TOKEN"));
  return component("healthy", hasToken ? "API token configured" : "No API token configured");
}

/** A component for what makes calls to providers unsafe; none while all is well. */
async function tlsHealth({ providers, providerSettings }: OutsideHealthOptions): Promise<Component[]> {
  const open: string[] = [];
  for (const { id, settable } of providers.all)
    if (settable && !(await providerSettings.of(id)).verifyTls) open.push(id);
  if (open.length === 0) return [];
  const message = `Certificate verification is off for ${open.join(", ")}: anybody on the way can read and change what is sent`;
  return [{ name: "tls_verification", status: "degraded", latency_ms: null, message }];
}
