import type { Logger } from "pino";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const hourMs = 3_600_000;

/** What the sweep needs. */
export interface StorageSweepOptions {
  storage: Pick<ObjectStorage, "sweep">;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Has the storage remove what crashed or abandoned writers left, now and once an hour until `stopping`. */
export function sweepStorageHourly({ storage, log, stopping, traces }: StorageSweepOptions): Loop {
  const loop = startLoop({
    name: "sweeping the storage",
    everyMs: hourMs,
    round: () => storage.sweep(),
    log,
    stopping,
    traces,
  });
  void loop.runOnce();
  return loop;
}
