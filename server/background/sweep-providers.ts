import type { Logger } from "pino";
import type { Provider } from "../adapters/providers/provider.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const everyMs = 10 * 60_000;

/** Has providers remove what a service would not let go when its job ended: now, and every ten minutes. */
export function sweepProviders(options: {
  providers: { all: readonly Pick<Provider, "sweep">[] };
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}): Loop {
  const loop = startLoop({
    name: "removing what jobs left at providers",
    everyMs,
    async round() {
      for (const provider of options.providers.all) await provider.sweep?.();
    },
    log: options.log,
    stopping: options.stopping,
    traces: options.traces,
  });
  void loop.runOnce();
  return loop;
}
