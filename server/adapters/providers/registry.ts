import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Provider } from "./provider.ts";

/** The providers this server has; a new one is one folder and one entry where the application is put together. */
export function providerRegistry(all: readonly Provider[]) {
  return {
    all,
    /** The provider with this id; throws `unknown_provider` naming the known ones. */
    find(id: string): Provider {
      const provider = all.find((candidate) => candidate.id === id);
      if (!provider) throw fail("unknown_provider", { provider: id, known: all.map((known) => known.id) });
      return provider;
    },
    /** Removes what any provider keeps for a job. */
    async forgetEverywhere(jobId: string): Promise<void> {
      for (const provider of all) await provider.forget(jobId);
    },
  };
}
