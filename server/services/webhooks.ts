import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { webhookEndpoints } from "@simpletuner-cloud/contract/webhooks.ts";
import { addOnce, type StateStore } from "../adapters/state/state.ts";
import type { ProviderWebhooks, ToldRun } from "../adapters/providers/provider.ts";
import type { AccessStore } from "../db/stores/access.ts";
import type { ExternalRunStore } from "../db/stores/external-runs.ts";
import { addressMatcher } from "../domain/address-ranges.ts";
import { tokenHash } from "../domain/secret-token.ts";
import { signatureProblem, webhookToleranceMs } from "../domain/webhook-signature.ts";
import { type Handlers, noteInWork, type RequestContext } from "./handler.ts";
import type { JobSync } from "./job-sync.ts";
import {
  reachability,
  type Reachability,
  type ReachabilityOptions,
  testHeader,
  webhooksOf,
} from "./reachability.ts";
import { refusedDeliveries } from "./refused-deliveries.ts";

/** What webhooks need. */
export interface WebhookServiceOptions extends ReachabilityOptions {
  externalRuns: ExternalRunStore;
  access: AccessStore;
  sync: JobSync;
  /** Tells the other servers of a run that nobody follows here. */
  passOn: (run: ToldRun & { provider: string }) => void;
  now: () => number;
  onError: (error: unknown) => void;
}

/** A delivery that was taken is known for as long as its signature could be believed. */
const rememberedMs = 2 * webhookToleranceMs;

/** What providers tell of their runs by themselves, and whether it gets here. */
export function webhookService(options: WebhookServiceOptions): Handlers<typeof webhookEndpoints> {
  const tests = reachability(options);
  return {
    deliverWebhook: deliveries(options, tests),
    testWebhook: ({ params }) => tests.direct(params),
    testWebhookExternal: ({ params }, { closed }) => tests.fromProvider(params, closed),
    testWebhookUrl({ body }, { closed }) {
      const { provider = "replicate", webhook_url: webhookUrl, timeout = 30 } = body;
      const asked = { provider, webhookUrl, waitMs: timeout * 1_000 };
      return body.method === "replicate_cog" ? tests.fromProvider(asked, closed) : tests.direct(asked);
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

interface Delivery {
  params: { provider: string };
  query: { test?: string };
  body: () => Promise<Uint8Array>;
}

const answered = (status: "received" | "duplicate" | "ignored" | "test", reason: string | null = null) => ({
  status,
  reason,
  job_id: null as string | null,
});

/**
 * Takes deliveries: allowed address, signed at about this time, signature, not taken before; then whoever follows the run
 * looks at it. The body, which anybody may send, is read once its head has passed.
 */
function deliveries(options: WebhookServiceOptions, tests: Reachability) {
  const refused = refusedDeliveries(options);
  const isAllowed = rememberedMatcher();
  return async ({ params, query, body }: Delivery, context: RequestContext) => {
    const { provider } = params;
    const webhooks = webhooksOf(options.findProvider, provider);
    const { webhookAllowedIps, webhookRequireSignature } = await options.providerSettings.of(provider);
    const { address } = context.client;
    const refuse = (failure: Error, reason: string): Error => {
      refused.tell(provider, address, reason);
      return failure;
    };
    const test = query.test ?? context.header(testHeader);
    const isTest = test !== null && (await tests.arrived(test, address));
    if (webhookAllowedIps.length > 0 && !isAllowed(webhookAllowedIps, address))
      throw refuse(fail("ip_not_allowed", { address }), "address not allowed");
    if (isTest) return answered("test");
    const headers = {
      id: context.header("webhook-id"),
      timestamp: context.header("webhook-timestamp"),
      signature: context.header("webhook-signature"),
    };
    const isSigned = webhookRequireSignature || headers.signature !== null;
    const believe = async (bytes: Uint8Array | null): Promise<void> => {
      const reason = isSigned ? await problemOf(webhooks, headers, bytes, options.now()) : null;
      if (reason !== null) throw refuse(fail("webhook_not_believed", { reason }), reason);
    };
    await believe(null);
    const bytes = await body();
    await believe(bytes);
    const delivery = webhooks.read(bytes);
    if (!delivery) return answered("ignored", "it tells of no run");
    if (isSigned && headers.id !== null && !(await isNew(options.state, provider, headers.id)))
      return answered("duplicate", "this delivery was taken before");
    // Whether or not it is stored already whose run it is: who follows it knows.
    if (!webhooks.hear(delivery)) options.passOn({ provider, ...delivery });
    const jobId = await options.externalRuns.jobOf(provider, delivery.externalId);
    noteInWork({ provider, ...(jobId !== null && { jobId }) });
    return jobId === null
      ? answered("ignored", "no job has this run")
      : { ...answered("received"), job_id: jobId };
  };
}

/** Whether an address lies in the ranges; a list is made ready once, for as long as it stays the same. */
function rememberedMatcher(): (ranges: readonly string[], address: string) => boolean {
  let known = { list: "", matches: addressMatcher([]) };
  return (ranges, address) => {
    const list = ranges.join();
    if (known.list !== list) known = { list, matches: addressMatcher(ranges) };
    return known.matches(address);
  };
}

/** False for a delivery that was taken before. One that is taken twice only costs a look, so a silent store stops none. */
async function isNew(state: StateStore, provider: string, id: string): Promise<boolean> {
  return addOnce(state, `webhook:${provider}:${tokenHash(id)}`, rememberedMs).catch(() => true);
}

/** Why a delivery is not believed; of one whose body is not read yet, as far as its head tells. */
async function problemOf(
  webhooks: ProviderWebhooks,
  headers: Parameters<typeof signatureProblem>[1],
  body: Uint8Array | null,
  nowMs: number,
): Promise<string | null> {
  const wrong = "its signature is wrong";
  if (body === null) {
    const problem = signatureProblem([], headers, new Uint8Array(0), nowMs);
    return problem === wrong ? null : problem;
  }
  const problem = signatureProblem(await webhooks.keys(false), headers, body, nowMs);
  // A key that does not fit may have been replaced meanwhile, so it is asked for once more.
  return problem === wrong ? signatureProblem(await webhooks.keys(true), headers, body, nowMs) : problem;
}
