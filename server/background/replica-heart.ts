import type { Logger } from "pino";
import { StartError } from "../config/values.ts";
import type { Leadership } from "../services/leadership.ts";
import { beatMs, type Replicas } from "../services/replicas.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** What keeping up takes. */
export interface ReplicaHeartOptions {
  replicas: Replicas;
  leadership: Leadership;
  log: Pick<Logger, "warn" | "error">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Keeps this server known to the others, and leading where it leads. */
export function replicaHeart({ replicas, leadership, log, stopping, traces }: ReplicaHeartOptions): Loop {
  const round = async (): Promise<void> => {
    try {
      await replicas.beat();
    } catch (error) {
      // It has come to be one of others while it ran: until that is put right it drives nothing.
      if (error instanceof StartError) return log.error({ err: error }, "this server takes no part");
      throw error;
    }
    // Who does not know the others may not know of a leader either, unless it is that itself.
    if (replicas.living() !== null || leadership.isLeading()) await leadership.beat();
  };
  return startLoop({
    name: "telling the other servers of this one",
    everyMs: beatMs,
    round,
    log,
    stopping,
    traces,
  });
}
