import { type SecretSource, SecretSourceError, type Secrets } from "./secret-source.ts";

/** How long answers of a source are used; in milliseconds. */
export interface CacheTimes {
  /** What it holds and what it does not: a rotated secret is noticed after so long. */
  freshMs: number;
  /** While it cannot be asked for a passing reason, its last answer still holds for so long. */
  staleMs: number;
  /** After a failure it is left alone for so long. */
  retryMs: number;
}

const usual: CacheTimes = { freshMs: 60_000, staleMs: 15 * 60_000, retryMs: 5_000 };

interface Answer {
  secrets: Secrets;
  atMs: number;
}

/** A source whose answers, misses included, are used for a while; it is asked once at a time. */
export function cachedSource(
  source: SecretSource,
  times: Partial<CacheTimes> = {},
  nowMs: () => number = () => performance.now(),
): SecretSource {
  const { freshMs, staleMs, retryMs } = { ...usual, ...times };
  let last: Answer | null = null;
  let failed: { error: SecretSourceError; atMs: number } | null = null;
  let asking: Promise<Secrets> | null = null;
  const ask = async (): Promise<Secrets> => {
    try {
      last = { secrets: await source.read(), atMs: nowMs() };
      failed = null;
      return last.secrets;
    } catch (error) {
      if (!(error instanceof SecretSourceError)) throw error;
      failed = { error, atMs: nowMs() };
      return afterFailure(error);
    }
  };
  const afterFailure = (error: SecretSourceError): Secrets => {
    if (error.isPassing && last && nowMs() - last.atMs < staleMs) return last.secrets;
    throw error;
  };
  return {
    ...source,
    async read() {
      if (last && nowMs() - last.atMs < freshMs) return last.secrets;
      if (failed && nowMs() - failed.atMs < retryMs) return afterFailure(failed.error);
      asking ??= ask().finally(() => (asking = null));
      return asking;
    },
  };
}
