import type { Prediction } from "./answers.ts";
import type { CallBudget } from "./call-budget.ts";
import type { ReplicateClient } from "./client.ts";
import type { Patience } from "./patience.ts";
import { stateSweep } from "./sweep-states.ts";
import {
  dueAt,
  isOver,
  nextToRead,
  type News,
  waitOf,
  type WatchedRun,
  watchedRun,
  type Watching,
} from "./watched-runs.ts";

/** Somebody may begin to read a log at any time; it is noticed after so long. */
const noticeMs = 1_000;
/** Each so many-th read is for the runs that can wait. */
const oneForTheRest = 4;

/**
 * Looks at all predictions that somebody follows, within one budget of calls however many they are. Whole predictions
 * are read of runs that have ended, then of young ones and those whose log somebody reads, then of the rest by turns; of
 * many runs, lists tell which have ended. What Replicate tells by itself only says where to look next, so it does no harm
 * when it comes late, twice, out of order or from somebody else.
 */
export function predictionWatch(client: ReplicateClient, patience: Patience, budget: CallBudget) {
  const runs = new Map<string, WatchedRun>();
  const sweep = stateSweep({ client, patience, runs, take: budget.take, onEnd: () => wake() });
  const { wake } = readingLoop({
    patience,
    runs,
    take: budget.take,
    read: (run) => readRun(client, run),
    sweep,
  });
  return {
    /** Resolves with the next look at a prediction; throws what kept it from being looked at, or the signal's reason. */
    next(id: string, watching: Watching): Promise<News> {
      const run = runs.get(id) ?? watchedRun(id);
      runs.set(id, run);
      for (const stored of run.whenStored.splice(0)) stored();
      run.createdAtMs = Date.now() - watching.ageMs;
      const heard = waiting(run, watching, performance.now() + waitOf(patience, watching, run, runs.size));
      wake(dueAt(run, patience));
      return heard;
    },
    /** Takes what Replicate tells by itself; answers whether somebody here follows that prediction. */
    hear({ id, status }: Pick<Prediction, "id" | "status">): boolean {
      const run = runs.get(id);
      if (!run) return false;
      run.tells = true;
      if (isOver({ status })) run.endTold = true;
      else if (run.follower)
        run.follower.dueAt = Math.min(run.follower.dueAt, run.readAt + patience.youngLookMs);
      wake();
      return true;
    },
    /** Looks at everything now; resolves once what it found is stored, at the latest when the signal aborts. */
    async refresh(signal: AbortSignal): Promise<void> {
      const over = once(signal);
      const isMany = runs.size > patience.manyRuns;
      if (isMany) await Promise.race([sweep.now(), over]);
      const looked = [...runs.values()].filter(({ follower, endTold }) => follower && (endTold || !isMany));
      const stored = looked.map((run) => {
        if (run.follower) run.follower.dueAt = Number.NEGATIVE_INFINITY;
        return new Promise<void>((resolve) => run.whenStored.push(resolve));
      });
      wake();
      await Promise.race([Promise.all(stored), over]);
    },
    /** Nobody follows the prediction any more. */
    forget(id: string): void {
      for (const stored of runs.get(id)?.whenStored ?? []) stored();
      runs.delete(id);
    },
  };
}

/** See {@link predictionWatch}. */
export type PredictionWatch = ReturnType<typeof predictionWatch>;

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Has a follower wait until it hears, fails, or its signal aborts. */
function waiting(run: WatchedRun, watching: Watching, dueAtMs: number): Promise<News> {
  const { signal } = watching;
  return new Promise((resolve, reject) => {
    const stop = (): void => follower.fail(signal.reason);
    const release = (then: () => void): void => {
      signal.removeEventListener("abort", stop);
      if (run.follower !== follower) return;
      run.follower = null;
      then();
    };
    const follower = {
      watching,
      dueAt: dueAtMs,
      hear: (news: News) => release(() => resolve(news)),
      fail: (error: unknown) => release(() => reject(error)),
    };
    run.follower = follower;
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

/** Reads one run whole and has its follower hear it. */
async function readRun(client: ReplicateClient, run: WatchedRun): Promise<void> {
  const { follower } = run;
  if (!follower) return;
  const { correlationId, signal } = follower.watching;
  run.isBeingRead = true;
  const wasTold = run.endTold;
  try {
    const news = await client.prediction(run.id, { correlationId, signal });
    run.readAt = performance.now();
    // Whoever told of an end that is none is not relied upon.
    if (wasTold && news && !isOver(news)) Object.assign(run, { endTold: false, tells: false });
    follower.hear(news);
  } catch (error) {
    follower.fail(error);
  } finally {
    run.isBeingRead = false;
  }
}

interface ReadingLoop {
  patience: Patience;
  runs: ReadonlyMap<string, WatchedRun>;
  take: () => Promise<void>;
  read: (run: WatchedRun) => Promise<void>;
  sweep: ReturnType<typeof stateSweep>;
}

/** Reads what is due, one call after the other but several at a time, and sleeps until something is due. */
function readingLoop({ patience, runs, take, read, sweep }: ReadingLoop) {
  const underWay = new Set<Promise<void>>();
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined;
  let wakesAt = Number.POSITIVE_INFINITY;
  const nextDueAt = (): number => {
    let next = Number.POSITIVE_INFINITY;
    for (const run of runs.values()) next = Math.min(next, dueAt(run, patience));
    return next;
  };
  const run = async (): Promise<void> => {
    isRunning = true;
    for (let reads = 1; ; reads++) {
      sweep.startIfDue();
      if (nextDueAt() > performance.now()) break;
      await take();
      if (underWay.size >= patience.callsAtOnce) await Promise.race(underWay);
      const next = nextToRead(runs.values(), patience, reads % oneForTheRest === 0);
      if (!next) continue;
      const reading = read(next).finally(() => underWay.delete(reading));
      underWay.add(reading);
    }
    isRunning = false;
    const next = Math.min(nextDueAt(), sweep.dueAt());
    // Asleep while nobody waits.
    if (next !== Number.POSITIVE_INFINITY) sleepUntil(next);
  };
  const sleepUntil = (next: number): void => {
    const at = Math.min(next, performance.now() + noticeMs);
    clearTimeout(timer);
    wakesAt = at;
    timer = setTimeout(
      () => {
        wakesAt = Number.POSITIVE_INFINITY;
        void run();
      },
      Math.max(0, at - performance.now()),
    );
  };
  return {
    /** To be called when something may have become due, at `at` or now. */
    wake(at = Number.NEGATIVE_INFINITY): void {
      if (!isRunning && at < wakesAt) sleepUntil(at);
    },
  };
}
