import type { OutboundHttp } from "../adapters/outbound/undici/outbound-http.ts";
import { lazyHubLookup, publisherRegistry } from "../adapters/publishers/registry.ts";
import { type DeliveryLoop, deliverResults } from "../background/deliver-results.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { deliveryChanges } from "../services/delivery-changes.ts";
import { deliveryOrders } from "../services/delivery-orders.ts";
import { modelCards } from "../services/model-cards.ts";
import { publications } from "../services/publications.ts";
import { deliveryRunner } from "../services/run-delivery.ts";
import type { SecretChain } from "../services/secrets.ts";
import type { AppOptions } from "./app-options.ts";
import type { Parts } from "./open-parts.ts";
import { hubToken } from "./open-providers.ts";

/** An attempt that has not been heard of for so long died with its server. */
const leaseMs = 15_000;

/** What orders deliveries and reaches their destinations. */
export function deliveryParts(
  { config, now }: Pick<AppOptions, "config" | "now">,
  stores: Stores,
  { outbound, secretChain }: { outbound: OutboundHttp; secretChain: SecretChain },
) {
  const hub = {
    hubUrl: config.replicate.hubUrl,
    http: outbound.service({ name: "hugging-face" }),
    storageHttp: outbound.guarded(),
  };
  const token = () => hubToken(secretChain);
  return {
    deliveryOrders: deliveryOrders({ ...stores, now }),
    changeDelivery: deliveryChanges({ ...stores, now }),
    // Somebody looks on.
    hub: lazyHubLookup({ ...hub, http: outbound.service({ name: "hugging-face", retries: 1 }) }),
    hubToken: token,
    openPublisher: publisherRegistry({ newService: outbound.service, hub: { ...hub, token } }),
  };
}

/** Delivers results until `stopping`, and looks at once when a job's state has changed. */
export function startDeliveries(parts: Parts & { secrets: SecretBox }, stopping: AbortSignal): DeliveryLoop {
  const { stores, openPublisher, secrets } = parts;
  const shared = { ...parts, ...stores, change: parts.changeDelivery, leaseMs };
  const loop = deliverResults({
    ...shared,
    run: deliveryRunner({
      ...shared,
      publicationOf: publications({ ...shared, cards: modelCards(shared) }),
      openPublisher: ({ settings, sealedSecret }) =>
        openPublisher(settings, sealedSecret === null ? null : secrets.open(sealedSecret)),
    }),
    stopping,
  });
  const unsubscribe = parts.live.act(({ event }) => {
    if (event === "job.status") loop.wake();
  });
  stopping.addEventListener("abort", unsubscribe, { once: true });
  return loop;
}
