import type { Logger } from "pino";
import type { RunCosts } from "../services/run-costs.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const everyMs = 15_000;

/** What following costs needs. */
export interface FollowCostOptions {
  costs: Pick<RunCosts, "running" | "count">;
  /** Stops a job's run; it is stored already that the job is to be stopped, so a lost call is made good at the next start. */
  stopRun: (jobId: string) => void;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Keeps the cost of every running job current and its money reserved, every 15 seconds until `stopping`. */
export function followCosts({ costs, stopRun, log, stopping, traces }: FollowCostOptions): Loop {
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
  return startLoop({ name: "counting the costs", everyMs, round, log, stopping, traces });
}
