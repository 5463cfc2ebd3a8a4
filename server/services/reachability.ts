import { randomBytes } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ReachabilityTest } from "@simpletuner-cloud/contract/webhooks.ts";
import { OutboundError, type OutboundService } from "../adapters/outbound/outbound-http.ts";
import type { CallBack, Provider, ProviderWebhooks } from "../adapters/providers/provider.ts";
import type { StateStore } from "../adapters/state/state.ts";
import { publicAddress } from "../domain/provider-settings.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";

/** What testing needs. */
export interface ReachabilityOptions {
  findProvider: (id: string) => Provider;
  providerSettings: ReadProviderSettings;
  state: StateStore;
  /** Calls addresses that users name. */
  guarded: OutboundService;
}

/** What is to be tested. */
export interface AskedTest {
  provider: string;
  /** An address that need not be set; absent: the one that is. */
  webhookUrl?: string | undefined;
  /** Milliseconds that a direct call takes at most. */
  waitMs?: number | undefined;
}

/** Header that names the test of a delivery that this server sends to itself (CONTRACT 1.3). */
export const testHeader = "x-simpletuner-test";
const usualWaitMs = 10_000;
const testLifeMs = 180_000;

const noAddress =
  "No public address is set. Set SIMPLETUNER_PUBLIC_URL or the provider's webhook_url, or start a tunnel; until then runs are looked at without webhooks.";
const reached = "This server is reached under its public address.";

/**
 * Tests whether deliveries reach this server: it calls its own public address, or has the provider call it. That a test
 * arrived is not taken from the caller's words: the receiver notes it, on whichever replica.
 */
export function reachability(options: ReachabilityOptions) {
  const { state } = options;
  return {
    direct: (asked: AskedTest) =>
      tested(options, asked, "direct", (url, name) =>
        direct(options, url, name, asked.waitMs ?? usualWaitMs),
      ),
    fromProvider: (asked: AskedTest, signal: AbortSignal) =>
      tested(options, asked, "replicate_cog", (url, _, webhooks) => webhooks.callBack(url, signal)),
    /** Notes that a delivery of this test arrived from an address; false when there is no such test. */
    async arrived(name: string, address: string): Promise<boolean> {
      if (!/^[\w-]{24}$/.test(name) || (await state.get(keyOf(name))) === null) return false;
      await state.set(keyOf(name), address, testLifeMs);
      return true;
    },
  };
}

/** See {@link reachability}. */
export type Reachability = ReturnType<typeof reachability>;

function keyOf(name: string): string {
  return `webhook-test:${name}`;
}

/** The provider's webhooks; throws `unknown_provider` and `provider_has_no_webhooks`. */
export function webhooksOf(find: (id: string) => Provider, id: string): ProviderWebhooks {
  const { webhooks } = find(id);
  if (webhooks) return webhooks;
  throw fail("provider_has_no_webhooks", { provider: id });
}

type Attempt = (url: string, name: string, webhooks: ProviderWebhooks) => Promise<CallBack>;

async function tested(
  { findProvider, providerSettings, state }: ReachabilityOptions,
  { provider: id, webhookUrl: asked }: AskedTest,
  method: ReachabilityTest["method"],
  attempt: Attempt,
): Promise<ReachabilityTest> {
  const webhooks = webhooksOf(findProvider, id);
  const webhookUrl =
    asked === undefined ? (await providerSettings.of(id)).webhookUrl : publicAddress("webhook_url", asked);
  const refused = (message: string): ReachabilityTest => ({
    success: false,
    message,
    latency_ms: null,
    status_code: null,
    error: message,
    method,
    prediction_id: null,
  });
  if (webhookUrl === null) return refused(noAddress);
  if (!webhooks.calls(webhookUrl))
    return refused(
      `The provider calls https addresses only, and ${webhookUrl} is none. Put a proxy with a certificate or a tunnel before this server, or give it a certificate itself (SIMPLETUNER_SSL_CERT).`,
    );
  const name = randomBytes(18).toString("base64url");
  await state.set(keyOf(name), "", testLifeMs);
  const startedAt = performance.now();
  const { externalId, statusCode, problem } = await attempt(
    `${webhookUrl}/api/webhooks/${id}?test=${name}`,
    name,
    webhooks,
  );
  const latency_ms = Math.round(performance.now() - startedAt);
  const cameFrom = (await state.get(keyOf(name)))?.value ?? "";
  await state.delete(keyOf(name));
  const error = problemOf({ webhookUrl, method, statusCode, problem, cameFrom });
  return {
    success: error === null,
    message: error ?? reached,
    latency_ms,
    status_code: statusCode,
    error,
    method,
    prediction_id: externalId,
  };
}

interface Outcome extends Pick<CallBack, "statusCode" | "problem"> {
  webhookUrl: string;
  method: ReachabilityTest["method"];
  /** Where the receiver saw it come from; empty when it did not arrive. */
  cameFrom: string;
}

/** What to do, in a sentence; null when deliveries will be taken. */
function problemOf({ webhookUrl, method, statusCode, problem, cameFrom }: Outcome): string | null {
  const who = method === "direct" ? "this server" : "the provider";
  if (cameFrom !== "") {
    // This server's own address need not be allowed.
    if (method === "direct" || statusCode !== 403) return null;
    return `The provider reached this server from ${cameFrom}, which webhook_allowed_ips does not allow. Add its range, or clear the list.`;
  }
  if (statusCode !== null && statusCode >= 300 && statusCode < 400)
    return `${webhookUrl} leads on to another address, which providers do not follow. Set the address it leads to.`;
  if (statusCode !== null)
    return `Something else answered at ${webhookUrl} (status ${statusCode}) when ${who} called it. Have it pass /api/webhooks on to this server.`;
  const why = (problem ?? "there was no answer").replace(/\.$/, "");
  return `${webhookUrl} was not reached when ${who} called it: ${why}. Check its name, the firewall and the proxy or tunnel before this server.`;
}

async function direct(
  { guarded }: ReachabilityOptions,
  url: string,
  name: string,
  waitMs: number,
): Promise<CallBack> {
  try {
    const { status } = await guarded.text({
      method: "POST",
      url,
      headers: { "content-type": "application/json", [testHeader]: name },
      body: JSON.stringify({ event_type: "test.connection", job_id: "test-webhook-connection" }),
      repeat: "safe",
      signal: AbortSignal.timeout(waitMs),
    });
    return { externalId: null, statusCode: status, problem: null };
  } catch (error) {
    if (error instanceof OutboundError) return { externalId: null, statusCode: null, problem: error.message };
    if ((error as Error).name !== "TimeoutError") throw error;
    return {
      externalId: null,
      statusCode: null,
      problem: `it did not answer within ${waitMs / 1_000} seconds.`,
    };
  }
}
