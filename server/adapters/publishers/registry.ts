import type { DestinationSettings } from "@simpletuner-cloud/contract/destinations.ts";
import type { OutboundService } from "../outbound/outbound-http.ts";
import type { Publisher } from "./publisher.ts";

/** What publishers are made with. */
export interface PublisherRegistryOptions {
  /** Calls with a circuit breaker of their own: one service that is down must not stop deliveries to another. */
  newService: () => OutboundService;
}

/** Makes the publisher for the settings of a place. Clients are large and loaded when the first delivery needs them. */
export function publisherRegistry({ newService }: PublisherRegistryOptions) {
  return async (settings: DestinationSettings, secret: string | null): Promise<Publisher> => {
    const { s3Publisher } = await import("./s3/s3-publisher.ts");
    return s3Publisher({ settings, secretAccessKey: secret ?? "", http: newService() });
  };
}
