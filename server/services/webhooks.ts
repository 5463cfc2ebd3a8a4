import { randomBytes } from "node:crypto";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { ReachabilityTest, webhookEndpoints } from "@simpletuner-cloud/contract/webhooks.ts";
import { OutboundError, type OutboundService } from "../adapters/outbound/outbound-http.ts";
import type { Provider, ProviderWebhooks } from "../adapters/providers/provider.ts";
import type { AccessStore } from "../db/stores/access.ts";
import type { ExternalRunStore } from "../db/stores/external-runs.ts";
import { addressMatcher } from "../domain/address-ranges.ts";
import { signatureProblem, webhookToleranceMs } from "../domain/webhook-signature.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import type { JobSync } from "./job-sync.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";
import { refusedDeliveries } from "./refused-deliveries.ts";

/** What webhooks need. */
export interface WebhookServiceOptions {
  findProvider: (id: string) => Provider;
  providerSettings: ReadProviderSettings;
  externalRuns: ExternalRunStore;
  access: AccessStore;
  sync: JobSync;
  /** Calls addresses that users name. */
  guarded: OutboundService;
  now: () => number;
  onError: (error: unknown) => void;
}

/** Header of a delivery that this server sent to itself. */
const testHeader = "x-simpletuner-test";
const testWaitMs = 10_000;
/** Deliveries remembered; an account's worth of retries fits many times over. */
const mostRemembered = 20_000;

/** What providers tell of their runs by themselves, and whether it gets here. */
export function webhookService(options: WebhookServiceOptions): Handlers<typeof webhookEndpoints> {
  const tests = new Set<string>();
  const test = (id: string) => directTest(options, id, tests);
  const testExternal = (id: string, signal: AbortSignal) => externalTest(options, id, signal);
  return {
    deliverWebhook: deliveries(options, tests),
    testWebhook: ({ params }) => test(params.provider),
    testWebhookExternal: ({ params }, { closed }) => testExternal(params.provider, closed),
    testWebhookUrl: ({ body }, { closed }) => {
      const provider = body.provider ?? "replicate";
      return body.method === "provider" ? testExternal(provider, closed) : test(provider);
    },
    async syncJobs(_, { caller }) {
      const synced = await options.sync(caller);
      const runs = synced === 1 ? "1 run" : `${synced} runs`;
      return {
        synced,
        message: synced === 0 ? "There are no runs that are not here already." : `Took over ${runs}.`,
      };
    },
  };
}

function webhooksOf({ findProvider }: WebhookServiceOptions, id: string): ProviderWebhooks {
  const { webhooks } = findProvider(id);
  if (!webhooks) throw fail("provider_has_no_webhooks", { provider: id });
  return webhooks;
}

/** Takes deliveries: allowed address, signature, not heard before; then whoever follows the run hears it. */
function deliveries(options: WebhookServiceOptions, tests: ReadonlySet<string>) {
  const refused = refusedDeliveries(options);
  const heard = rememberedFor(2 * webhookToleranceMs, mostRemembered, options.now);
  return async (
    { params, body }: { params: { provider: string }; body: Uint8Array },
    context: RequestContext,
  ) => {
    const { provider } = params;
    const webhooks = webhooksOf(options, provider);
    const { webhookAllowedIps, webhookRequireSignature } = await options.providerSettings.of(provider);
    const { address } = context.client;
    if (webhookAllowedIps.length > 0 && !addressMatcher(webhookAllowedIps)(address)) {
      refused.tell(provider, address, "address not allowed");
      throw fail("ip_not_allowed", { address });
    }
    const nonce = context.header(testHeader);
    if (nonce !== null && tests.has(nonce)) return { status: "test" as const, reason: null, job_id: null };
    const headers = {
      id: context.header("webhook-id"),
      timestamp: context.header("webhook-timestamp"),
      signature: context.header("webhook-signature"),
    };
    if (webhookRequireSignature || headers.signature !== null) {
      const reason = await problemOf(webhooks, headers, body, options.now());
      if (reason !== null) {
        refused.tell(provider, address, reason);
        throw fail("webhook_not_believed", { reason });
      }
    }
    if (headers.id !== null && heard.has(headers.id))
      return { status: "duplicate" as const, reason: "this delivery was taken before", job_id: null };
    const delivery = webhooks.read(body);
    if (!delivery) throw fail("webhook_unreadable", { problem: "not what this provider sends" });
    const jobId = await options.externalRuns.jobOf(provider, delivery.externalId);
    if (headers.id !== null) heard.add(headers.id);
    // Whether or not it is stored already whose run it is: who follows it knows.
    delivery.hear();
    if (jobId === null) return { status: "ignored" as const, reason: "no job has this run", job_id: null };
    return { status: "received" as const, reason: null, job_id: jobId };
  };
}

/** A key that does not fit may have been replaced meanwhile, so it is asked for once more. */
async function problemOf(
  webhooks: ProviderWebhooks,
  headers: Parameters<typeof signatureProblem>[1],
  body: Uint8Array,
  nowMs: number,
): Promise<string | null> {
  const problem = signatureProblem(await webhooks.keys(false), headers, body, nowMs);
  if (problem !== "its signature is wrong") return problem;
  return signatureProblem(await webhooks.keys(true), headers, body, nowMs);
}

/** A set that forgets, by age and by number. */
function rememberedFor(lifeMs: number, most: number, now: () => number) {
  const untilMs = new Map<string, number>();
  return {
    has: (key: string) => (untilMs.get(key) ?? 0) > now(),
    add(key: string): void {
      if (untilMs.size >= most) {
        // In the order in which they came, so the oldest go.
        for (const oldest of untilMs.keys()) {
          untilMs.delete(oldest);
          if (untilMs.size < most) break;
        }
      }
      untilMs.set(key, now() + lifeMs);
    },
  };
}

const noAddress =
  "No public address is set. Set SIMPLETUNER_PUBLIC_URL or the provider's webhook_url, or start a tunnel; until then runs are polled.";

async function directTest(
  { providerSettings, guarded, ...options }: WebhookServiceOptions,
  id: string,
  tests: Set<string>,
): Promise<ReachabilityTest> {
  webhooksOf({ ...options, providerSettings, guarded }, id);
  const { webhookUrl } = await providerSettings.of(id);
  if (webhookUrl === null) return failed("direct", noAddress);
  const nonce = randomBytes(12).toString("hex");
  tests.add(nonce);
  const startedAt = performance.now();
  try {
    const { status, body } = await guarded.text({
      method: "POST",
      url: `${webhookUrl}/api/webhooks/${id}`,
      headers: { "content-type": "application/json", [testHeader]: nonce },
      body: JSON.stringify({ event_type: "test.connection", job_id: "test-webhook-connection" }),
      repeat: "safe",
      signal: AbortSignal.timeout(testWaitMs),
    });
    const latency_ms = Math.round(performance.now() - startedAt);
    const reached = status === 200 && statusIn(body) === "test";
    const told = { latency_ms, status_code: status };
    if (reached) return { ...succeeded("direct"), ...told };
    return { ...failed("direct", problemOfAnswer(status, webhookUrl)), ...told };
  } catch (error) {
    if (error instanceof OutboundError || (error as Error).name === "TimeoutError")
      return failed("direct", `${webhookUrl} was not reached from here. ${(error as Error).message}`);
    throw error;
  } finally {
    tests.delete(nonce);
  }
}

function problemOfAnswer(status: number, url: string): string {
  if (status >= 300 && status < 400)
    return `${url} leads on to another address, which providers do not follow. Set the address it leads to.`;
  if (status === 403)
    return "This server's own address is not among webhook_allowed_ips; that is fine if the provider's are.";
  return `Another server answered at ${url} (status ${status}). Point it to this server.`;
}

async function externalTest(
  options: WebhookServiceOptions,
  id: string,
  signal: AbortSignal,
): Promise<ReachabilityTest> {
  const webhooks = webhooksOf(options, id);
  const { webhookUrl } = await options.providerSettings.of(id);
  if (webhookUrl === null) return failed("provider", noAddress);
  const startedAt = performance.now();
  const { externalId, statusCode, problem } = await webhooks.callBack(
    `${webhookUrl}/api/webhooks/${id}`,
    signal,
  );
  const told = {
    prediction_id: externalId,
    status_code: statusCode,
    latency_ms: Math.round(performance.now() - startedAt),
  };
  // The check is not signed: that this server refused it shows that it was reached.
  if (problem === null || statusCode === 401) return { ...succeeded("provider"), ...told };
  return { ...failed("provider", `The provider did not reach ${webhookUrl}: ${problem}.`), ...told };
}

function succeeded(method: ReachabilityTest["method"]): ReachabilityTest {
  return {
    success: true,
    message: "This server is reached under its public address.",
    latency_ms: null,
    status_code: null,
    error: null,
    method,
    prediction_id: null,
  };
}

function failed(method: ReachabilityTest["method"], error: string): ReachabilityTest {
  return { ...succeeded(method), success: false, message: error, error };
}

function statusIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { status?: unknown } | null)?.status;
  } catch {
    return null;
  }
}
