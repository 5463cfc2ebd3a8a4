import type { Logger } from "pino";

/** What a loop needs. */
export interface LoopOptions {
  /** For the log: what is done, as in "the costs were not counted". */
  name: string;
  everyMs: number;
  /** One round of the work; safe to repeat and to break off anywhere. */
  round: () => Promise<void>;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
}

/** Work that is done again and again. */
export interface Loop {
  /** Does a round now, or joins the one under way; a failed round is logged and made good by the next. */
  runOnce(): Promise<void>;
  /** Resolves when no round is under way. */
  settled(): Promise<void>;
}

/** Does the work every so often until `stopping`, never two rounds at a time. The timer keeps no process alive. */
export function startLoop({ name, everyMs, round, log, stopping }: LoopOptions): Loop {
  let running: Promise<void> | null = null;
  const runOnce = (): Promise<void> => {
    // A round that takes over its time is not joined by a second.
    running ??= round()
      .catch((error: unknown) => log.warn({ err: error }, `${name} failed, trying again later`))
      .finally(() => (running = null));
    return running;
  };
  const timer = setInterval(() => void runOnce(), everyMs);
  timer.unref();
  stopping.addEventListener("abort", () => clearInterval(timer), { once: true });
  return {
    runOnce,
    async settled() {
      await running;
    },
  };
}
