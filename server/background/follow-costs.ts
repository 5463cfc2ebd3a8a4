import type { Logger } from "pino";
import type { RunCosts } from "../services/run-costs.ts";

const everyMs = 15_000;

/** What following costs needs. */
export interface FollowCostOptions {
  costs: Pick<RunCosts, "running" | "count">;
  /** Stops a job's run; it is stored already that the job is to be stopped, so a lost call is made good at the next start. */
  stopRun: (jobId: string) => void;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
}

/**
 * Keeps the cost of every running job current and its money reserved, every 15 seconds until `stopping`. The timer keeps
 * no process alive. Answers what waits for a round that is under way, and a round by hand.
 */
export function followCosts({ costs, stopRun, log, stopping }: FollowCostOptions) {
  let running: Promise<void> | null = null;
  const round = async (): Promise<void> => {
    for (const charge of await costs.running()) {
      if (stopping.aborted) return;
      try {
        if ((await costs.count(charge)) === "to be stopped") stopRun(charge.job_id);
      } catch (error) {
        log.warn({ err: error, job_id: charge.job_id }, "the job's cost was not counted, trying again");
      }
    }
  };
  const runOnce = (): Promise<void> => {
    // A round that takes over its time is not joined by a second.
    running ??= round()
      .catch((error: unknown) => log.warn({ err: error }, "the costs were not counted"))
      .finally(() => (running = null));
    return running;
  };
  const timer = setInterval(() => void runOnce(), everyMs);
  timer.unref();
  stopping.addEventListener("abort", () => clearInterval(timer), { once: true });
  return {
    runOnce,
    async settled(): Promise<void> {
      await running;
    },
  };
}

/** See {@link followCosts}. */
export type CostFollower = ReturnType<typeof followCosts>;
