import type {
  Provider as ProviderDescription,
  providerEndpoints,
} from "@simpletuner-cloud/contract/providers.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { Handlers } from "./handler.ts";

/** What the provider use cases need. */
export interface ProviderServiceOptions {
  providers: readonly Provider[];
}

/** Places that are announced and take no jobs yet. */
const comingSoon: readonly ProviderDescription[] = [
  {
    id: "simpletuner_io",
    name: "SimpleTuner.io",
    description: "Training managed by the SimpleTuner team.",
    configured: false,
    coming_soon: true,
    unavailable_reason: "It is not open yet.",
    capabilities: { cost: true, live_logs: true, cancel: true, resume: false, reads_in_place: false },
    hardware: [],
    trainer: null,
  },
];

/** Where jobs can run. */
export function providerService(options: ProviderServiceOptions): Handlers<typeof providerEndpoints> {
  return {
    async listProviders() {
      return {
        providers: [
          ...(await Promise.all(options.providers.map((provider) => provider.describe()))),
          ...comingSoon,
        ],
        default_provider: "local",
      };
    },
  };
}
