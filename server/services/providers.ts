import type { providerEndpoints } from "@simpletuner-cloud/contract/providers.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { Handlers } from "./handler.ts";

/** What the provider use cases need. */
export interface ProviderServiceOptions {
  providers: readonly Provider[];
}

/** Where jobs can run. */
export function providerService(options: ProviderServiceOptions): Handlers<typeof providerEndpoints> {
  return {
    async listProviders() {
      return {
        providers: await Promise.all(options.providers.map((provider) => provider.describe())),
        default_provider: "local",
      };
    },
  };
}
