import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeNumber, MaybeString } from "./instants.ts";

/** Who calls in a reachability test. */
const testMethods = ["direct", "replicate_cog"] as const;

/** Whether this server is reached under its public address, and if not, what to do. */
export const ReachabilityTest = Type.Object({
  success: Type.Boolean(),
  message: Type.String(),
  latency_ms: MaybeNumber,
  status_code: MaybeNumber,
  error: MaybeString,
  method: Type.Enum(testMethods, {
    description: "direct: this server called itself; replicate_cog: the provider called it",
  }),
  prediction_id: MaybeString,
});
/** See the schema. */
export type ReachabilityTest = Static<typeof ReachabilityTest>;

/** Deliveries carry a run's whole log. What is larger is refused; its run is looked at all the same. */
export const longestDeliveryBytes = 32 << 20;

const tag = "Webhooks";
const ProviderId = Type.Object({ provider: Type.String({ minLength: 1, maxLength: 40 }) });

/** Endpoints of providers' webhooks (CONTRACT 1.6). */
export const webhookEndpoints = {
  testWebhookUrl: endpoint({
    method: "POST",
    path: "/api/webhooks/test",
    access: "admin.config",
    tag,
    summary: "Whether webhooks reach this server, also under an address that is not set yet",
    body: Type.Object(
      {
        webhook_url: Type.Optional(
          Type.String({ maxLength: 2_048, description: "Default: the provider's webhook_url" }),
        ),
        provider: Type.Optional(Type.String({ maxLength: 40, description: "Default: replicate" })),
        timeout: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 60,
            description: "Seconds that a direct call takes at most; default 30",
          }),
        ),
        method: Type.Optional(Type.Enum(testMethods, { description: "Default: direct" })),
      },
      { additionalProperties: false },
    ),
    answer: ReachabilityTest,
    errors: ["unknown_provider", "provider_has_no_webhooks"],
  }),
  deliverWebhook: endpoint({
    method: "POST",
    path: "/api/webhooks/{provider}",
    access: {
      public:
        "the provider's servers call it; what they send is believed by its signature, and only from allowed addresses",
    },
    tag,
    summary: "A provider tells what became of a run",
    params: ProviderId,
    query: Type.Object({
      test: Type.Optional(
        Type.String({
          maxLength: 64,
          description: "Names a reachability test; such a delivery has no effect",
        }),
      ),
    }),
    rawBody: { limitBytes: longestDeliveryBytes },
    answer: Type.Object({
      status: Type.Union([
        Type.Literal("received"),
        Type.Literal("duplicate"),
        Type.Literal("ignored"),
        Type.Literal("test"),
      ]),
      reason: MaybeString,
      job_id: MaybeString,
    }),
    errors: [
      "unknown_provider",
      "provider_has_no_webhooks",
      "ip_not_allowed",
      "webhook_not_believed",
      "webhook_unreadable",
      "too_many_deliveries",
      "body_too_large",
      "provider_unreachable",
    ],
  }),
  testWebhook: endpoint({
    method: "POST",
    path: "/api/cloud/providers/{provider}/test-webhook",
    access: "admin.config",
    tag,
    summary: "Call this server under its public address, from here",
    params: ProviderId,
    answer: ReachabilityTest,
    errors: ["unknown_provider", "provider_has_no_webhooks"],
  }),
  testWebhookExternal: endpoint({
    method: "POST",
    path: "/api/cloud/providers/{provider}/test-webhook-external",
    access: "admin.config",
    tag,
    summary:
      "Have the provider call this server under its public address; takes up to a minute and costs next to nothing",
    params: ProviderId,
    answer: ReachabilityTest,
    errors: ["unknown_provider", "provider_has_no_webhooks"],
  }),
  syncJobs: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/sync",
    // Whoever takes over a run reads its configuration and may cancel it, whoever started it.
    access: "job.view.all",
    tag,
    summary: "Find runs of our models that were started elsewhere, and take them over as jobs of the caller",
    answer: Type.Object({ synced: Type.Integer(), message: Type.String() }),
    errors: ["provider_unreachable", "provider_token_refused", "provider_token_missing"],
  }),
} as const;
