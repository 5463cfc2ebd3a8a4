import type { ReplicateClient } from "./client.ts";
import type { Patience } from "./patience.ts";
import { isOver, type WatchedRun } from "./watched-runs.ts";

/** How far this machine's clock and Replicate's may be apart. */
const clockSlackMs = 3_600_000;
/** Pages that one sweep reads at most; runs that it does not come to are read one by one. */
const mostPages = 300;

/** What sweeping needs. */
export interface SweepOptions {
  client: Pick<ReplicateClient, "predictionsSince">;
  patience: Patience;
  runs: ReadonlyMap<string, WatchedRun>;
  /** Resolves when the next call may be made. */
  take: () => Promise<void>;
  /** Told of each run that is found to be over. */
  onEnd: () => void;
}

/** Marks the runs that the account's list shows as over: a hundred states a call, without their logs. */
export function stateSweep({ client, patience, runs, take, onEnd }: SweepOptions) {
  let underWay: Promise<void> | null = null;
  let startedAt = Number.NEGATIVE_INFINITY;
  const sweep = async (): Promise<void> => {
    startedAt = performance.now();
    const wanted = new Set<string>();
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { id, endTold, createdAtMs } of runs.values()) {
      if (endTold) continue;
      wanted.add(id);
      oldestMs = Math.min(oldestMs, createdAtMs);
    }
    if (wanted.size === 0) return;
    const rows = client.predictionsSince(oldestMs - clockSlackMs, { beforePage: take, mostPages });
    for await (const { id, status } of rows) {
      const run = wanted.delete(id) ? runs.get(id) : undefined;
      if (run && isOver({ status })) {
        run.endTold = true;
        onEnd();
      }
      if (wanted.size === 0) return;
    }
  };
  /** Sweeps, or joins the sweep under way; one that fails is made good by the next. */
  const now = (): Promise<void> => {
    underWay ??= sweep()
      .catch(() => undefined)
      .finally(() => (underWay = null));
    return underWay;
  };
  /** When the next sweep is due; never for few runs, which are read one by one. */
  const dueAt = (): number =>
    underWay === null && runs.size > patience.manyRuns
      ? startedAt + patience.oldLookMs
      : Number.POSITIVE_INFINITY;
  return {
    now,
    dueAt,
    startIfDue: (): void => void (dueAt() <= performance.now() && now()),
  };
}
