import type { Logger } from "pino";
import type { StateStore } from "../adapters/state/state.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** What the sweep needs. */
export interface StateSweepOptions {
  state: StateStore;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Removes from the shared state what ran out, once a minute. */
export function sweepState({ state, log, stopping, traces }: StateSweepOptions): Loop {
  return startLoop({
    name: "removing old state",
    everyMs: 60_000,
    round: () => state.sweep(),
    log,
    stopping,
    traces,
  });
}
