import type { Logger } from "pino";
import type { ObjectStorage } from "../adapters/storage/storage.ts";

const hourMs = 3_600_000;

/** What the sweep needs. */
export interface StorageSweepOptions {
  storage: Pick<ObjectStorage, "sweep">;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
}

/**
 * Has the storage remove what crashed or abandoned writers left, now and once an hour until `stopping`. The timer
 * keeps no process alive. Answers what waits for a sweep that is under way.
 */
export function sweepStorageHourly({ storage, log, stopping }: StorageSweepOptions): {
  settled(): Promise<void>;
} {
  let running: Promise<void> | null = null;
  const sweep = (): void => {
    // One that takes over an hour is not joined by a second.
    running ??= storage
      .sweep()
      .catch((error: unknown) => log.warn({ err: error }, "the storage was not swept"))
      .finally(() => (running = null));
  };
  const timer = setInterval(sweep, hourMs);
  timer.unref();
  stopping.addEventListener("abort", () => clearInterval(timer), { once: true });
  sweep();
  return {
    async settled() {
      await running;
    },
  };
}
