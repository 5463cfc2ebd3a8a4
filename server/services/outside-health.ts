import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { CircuitBreaker } from "../adapters/outbound/circuit-breaker.ts";
import type { Provider, ProviderAccount } from "../adapters/providers/provider.ts";
import type { Traces } from "../adapters/traces/traces.ts";
import { type Component, type Finding, timedComponent } from "./health.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";
import type { SecretChain } from "./secrets.ts";
import type { TunnelKeeper } from "./tunnel.ts";

/** What the health of everything outside this machine is told from. */
export interface OutsideHealthOptions {
  providers: { readonly all: readonly Provider[] };
  providerSettings: ReadProviderSettings;
  secretChain: SecretChain;
  outbound: { breakers(): readonly CircuitBreaker[] };
  tunnel: TunnelKeeper;
  traces: Traces | null;
}

/** Whoever asks for the health waits at most so long for a source of secrets. */
const waitMs = 2_000;

/** Components for the secrets and for the ways to services outside. */
export async function outsideHealth(options: OutsideHealthOptions): Promise<Component[]> {
  const { outbound, secretChain, tunnel, traces } = options;
  const [secrets, tls, ...breakers] = await Promise.all([
    secretsHealth(secretChain),
    tlsHealth(options),
    ...outbound.breakers().map(breakerHealth),
  ]);
  return [secrets, ...tls, ...tunnelHealth(tunnel), ...tracesHealth(traces), ...breakers];
}

const tunnelMessages = {
  running: "The internet reaches this server through it",
  starting: "It has no address at the moment",
  failed: "It could not be kept up; somebody who may change settings sees why",
} as const;

/** None while no tunnel is wanted; its address and the program's words are not for everybody. */
function tunnelHealth(tunnel: TunnelKeeper): Component[] {
  const state = tunnel.state();
  if (state === null) return [];
  const { program, status } = state;
  const health = status === "running" ? "healthy" : "degraded";
  return [{ name: `tunnel_${program}`, status: health, latency_ms: null, message: tunnelMessages[status] }];
}

/** None while nothing is traced; without a collector everything else goes on. */
function tracesHealth(traces: Traces | null): Component[] {
  if (traces === null) return [];
  const { isFailing } = traces.view();
  const message = isFailing
    ? "The collector does not take them and they are dropped; the server's log says why"
    : "On: they go to a collector";
  return [{ name: "traces", status: isFailing ? "degraded" : "healthy", latency_ms: null, message }];
}

const breakerMessages = {
  closed: "Calls go through",
  half_open: "It failed several times and is tried again",
  open: "It failed several times in a row and is left alone for a moment",
} as const;

/** A service outside that fails makes this server less able, not unfit: jobs elsewhere go on. */
async function breakerHealth(breaker: CircuitBreaker): Promise<Component> {
  const unknown: Finding = { status: "degraded", message: "Not known: the state backend does not answer" };
  const look = async (): Promise<Finding> => {
    const { state } = await breaker.view();
    return { status: state === "closed" ? "healthy" : "degraded", message: breakerMessages[state] };
  };
  return timedComponent(`circuit_breaker_${breaker.name}`, look, { late: unknown, limitMs: waitMs });
}

function secretsHealth(chain: SecretChain): Promise<Component> {
  const late: Finding = { status: "degraded", message: "A source of secrets does not answer in time" };
  return timedComponent("secrets", () => lookAtSecrets(chain), { late, limitMs: waitMs });
}

async function lookAtSecrets(chain: SecretChain): Promise<Finding> {
  const looked = await chain.look();
  const silent = looked.filter(({ state }) => !state.answers).map(({ state }) => state.id);
  // Their own words name addresses and paths, which are not for everybody.
  if (silent.length > 0)
    return { status: "degraded", message: `These sources cannot be used: ${silent.join(", ")}` };
  const hasToken = looked.some(({ secrets }) => secrets.has("REPLICATE_API_TOKEN"));
  return { status: "healthy", message: hasToken ? "API token configured" : "No API token configured" };
}

/** A component for what makes calls to providers unsafe; none while all is well. */
async function tlsHealth({ providers, providerSettings }: OutsideHealthOptions): Promise<Component[]> {
  const look = async (): Promise<Finding> => {
    const open: string[] = [];
    for (const { id, settable } of providers.all)
      if (settable && !(await providerSettings.of(id)).verifyTls) open.push(id);
    if (open.length === 0) return { status: "healthy", message: "" };
    const message = `Certificate verification is off for ${open.join(", ")}: anybody on the way can read and change what is sent`;
    return { status: "degraded", message };
  };
  // Where the database does not answer, its own component says so.
  const late: Finding = { status: "healthy", message: "" };
  const component = await timedComponent("tls_verification", look, { late, limitMs: waitMs });
  return component.status === "healthy" ? [] : [{ ...component, latency_ms: null }];
}

/** A provider's answer holds so long: anybody may ask for the health, and nobody may have providers flooded by it. */
const keptMs = 15_000;
const providerWaitMs = 10_000;

/** Asks the providers whether they answer to this server's token; a component for each that has accounts. */
export function providersHealth(providers: readonly Provider[]): () => Promise<Component[]> {
  let last: { atMs: number; components: Component[] } | null = null;
  return async () => {
    if (last && performance.now() - last.atMs < keptMs) return last.components;
    const asked = providers.flatMap(({ id, account }) => (account ? [providerHealth(id, account)] : []));
    const components = await Promise.all(asked);
    last = { atMs: performance.now(), components };
    return components;
  };
}

function providerHealth(id: string, account: ProviderAccount): Promise<Component> {
  const look = (): Promise<Finding> =>
    account.check().then(
      () => ({ status: "healthy" as const, message: "Answers and accepts the token" }),
      (error: unknown) => providerTrouble(error),
    );
  const late: Finding = { status: "degraded", message: "Does not answer in time" };
  return timedComponent(`${id}_api`, look, { late, limitMs: providerWaitMs });
}

/** In words that name no address, which the failure itself does. */
function providerTrouble(error: unknown): Finding {
  const code = error instanceof Failure ? error.code : null;
  if (code === "provider_token_missing")
    return { status: "healthy", message: "Not asked: no API token is configured" };
  if (code === "provider_token_refused") return { status: "degraded", message: "The token is not accepted" };
  if (code === "provider_unreachable") return { status: "degraded", message: "Does not answer" };
  return { status: "degraded", message: "The call did not work; the server's log says why" };
}
