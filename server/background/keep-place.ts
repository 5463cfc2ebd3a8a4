import type { Logger } from "pino";
import { StartError } from "../config/values.ts";
import { serverBeatMs, type ServerPlace } from "../services/server-place.ts";
import { type Loop, startLoop } from "./loop.ts";

/** What keeping a place takes. */
export interface KeepPlaceOptions {
  place: ServerPlace;
  /** Told once that another server has the place now: this one must stop. */
  onLost: (why: StartError) => void;
  log: Pick<Logger, "warn" | "error">;
  stopping: AbortSignal;
}

/** Keeps this server's place in the database. */
export function keepPlace({ place, onLost, log, stopping }: KeepPlaceOptions): Loop {
  let isLost = false;
  const round = async (): Promise<void> => {
    if (isLost) return;
    try {
      await place.keep();
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      isLost = true;
      log.error({ err: error }, "another server uses the database, so this one stops");
      onLost(error);
    }
  };
  return startLoop({
    name: "keeping the place in the database",
    everyMs: serverBeatMs,
    round,
    log,
    stopping,
  });
}
