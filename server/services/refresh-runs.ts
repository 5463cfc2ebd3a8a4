import type { Provider } from "../adapters/providers/provider.ts";

/** Nobody waits longer for a look at the providers. */
const longestWaitMs = 3_000;

/** Has every provider look at the runs that are followed. Whoever asks while a look is under way joins it. */
export function runRefresher(providers: { readonly all: readonly Provider[] }): () => Promise<void> {
  let underWay: Promise<void> | null = null;
  const refresh = async (): Promise<void> => {
    const signal = AbortSignal.timeout(longestWaitMs);
    await Promise.all(providers.all.map((provider) => provider.runs?.refresh(signal)));
  };
  return () => {
    underWay ??= refresh().finally(() => (underWay = null));
    return underWay;
  };
}
