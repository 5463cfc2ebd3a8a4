import { setTimeout as delay } from "node:timers/promises";
import { StartError } from "../config/values.ts";
import type { PresentServer, SeenServer, ServerStore } from "../db/stores/servers.ts";

/** A server that was not heard of for so long, by the database's clock, is gone. */
export const serverGoneMs = 10_000;
/** How often each says that it is there. */
export const serverBeatMs = 2_000;
const lookAgainMs = 250;

/** What a place in the database needs. */
export interface ServerPlaceOptions {
  servers: ServerStore;
  self: PresentServer;
  /** The database, as a person may read it. */
  shownDatabase: string;
  /** Told once that the start waits, because of one that may be gone. */
  onWait: (other: SeenServer) => void;
  goneMs?: number;
}

/**
 * The place of a server in a database on a database server, which one server has alone, or several that share their work
 * have together. It is kept up by a row with a heartbeat, so that a crash leaves it for a moment only; the same server
 * that starts again has it at once.
 */
export function serverPlace({
  servers,
  self,
  shownDatabase,
  onWait,
  goneMs = serverGoneMs,
}: ServerPlaceOptions) {
  const taken = (other: SeenServer): StartError =>
    new StartError(
      `Another server (${other.place}) already uses the database ${shownDatabase}. Stop it, give this one a database of its own with SIMPLETUNER_DATABASE_URL, or have them share the work: one state directory and SIMPLETUNER_REPLICAS=true for each.`,
    );
  return {
    /** Takes the place; waits for one that may be gone. Throws {@link StartError} when another server has it. */
    async take(): Promise<void> {
      const watched = new Map<string, { seenAtMs: number; fromMs: number }>();
      const gone = new Set<string>();
      for (;;) {
        const [other] = await servers.enter(self, { isStart: true, goneAfterMs: goneMs, gone });
        if (other === undefined) return;
        const known = watched.get(other.runId);
        if (known === undefined) {
          watched.set(other.runId, { seenAtMs: other.seenAtMs, fromMs: performance.now() });
          if (watched.size === 1) onWait(other);
        } else if (known.seenAtMs !== other.seenAtMs) throw taken(other);
        // Also where the database's clock was put back meanwhile.
        else if (performance.now() - known.fromMs >= goneMs) gone.add(other.runId);
        await delay(lookAgainMs);
      }
    },
    /** Keeps the place; throws {@link StartError} when another server has taken it, as it may when this one was asleep. */
    async keep(): Promise<void> {
      if (await servers.beat(self)) return;
      const [other] = await servers.enter(self, { isStart: false, goneAfterMs: goneMs });
      if (other !== undefined) throw taken(other);
    },
    /** Gives the place back, so that nobody has to wait for its end. */
    leave: (): Promise<void> => servers.leave(self),
  };
}

/** See {@link serverPlace}. */
export type ServerPlace = ReturnType<typeof serverPlace>;
