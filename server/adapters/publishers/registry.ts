import type { DestinationSettings } from "@simpletuner-cloud/contract/destinations.ts";
import type { OutboundService } from "../outbound/outbound-http.ts";
import type { HubLookup } from "./hub-lookup.ts";
import type { Publisher } from "./publisher.ts";

/** What publishers are made with. */
export interface PublisherRegistryOptions {
  /** Calls with a circuit breaker of their own: one service that is down must not stop deliveries to another. */
  newService: () => OutboundService;
  /** Where the Hugging Face Hub is and how it is called. */
  hub: {
    hubUrl: string;
    http: OutboundService;
    /** For the addresses of its storage, which its answers name. */
    storageHttp: OutboundService;
    /** The token of the secrets, for destinations without their own; null without. */
    token: () => Promise<string | null>;
  };
}

/** Questions to the Hub, whose client is loaded when the first is asked. */
export function lazyHubLookup(hub: Omit<PublisherRegistryOptions["hub"], "token">): HubLookup {
  const lookup = async () => (await import("./hub/hub-lookup.ts")).hubLookup(hub);
  return {
    account: async (...asked) => (await lookup()).account(...asked),
    repository: async (...asked) => (await lookup()).repository(...asked),
  };
}

/** Makes the publisher for the settings of a place. Clients are large and loaded when the first delivery needs them. */
export function publisherRegistry({ newService, hub }: PublisherRegistryOptions) {
  return async (settings: DestinationSettings, secret: string | null): Promise<Publisher> => {
    if (settings.kind === "huggingface") {
      const { hubPublisher } = await import("./hub/hub-publisher.ts");
      return hubPublisher({ ...hub, settings, token: secret ?? (await hub.token()) });
    }
    const { s3Publisher } = await import("./s3/s3-publisher.ts");
    return s3Publisher({ settings, secretAccessKey: secret ?? "", http: newService() });
  };
}
