import { setTimeout as delay } from "node:timers/promises";
import type { Prediction } from "./answers.ts";
import type { ReplicateClient } from "./client.ts";
import { lookAfterMs, type Patience } from "./patience.ts";

/** How a follower waits for the next look at its prediction. */
export interface Watching {
  correlationId: string;
  /** How often it was looked at since following began. */
  looks: number;
  /** Milliseconds since the prediction was made, or since following began. */
  ageMs: number;
  signal: AbortSignal;
}

/** What a follower hears: the whole prediction, or null when there is none. */
type News = Prediction | null;

interface Follower {
  id: string;
  watching: Watching;
  dueAt: number;
  resolve: (news: News) => void;
  reject: (error: unknown) => void;
}

/** A prediction that is followed. */
interface Followed {
  /** What Replicate told while nobody waited. */
  unheard: Prediction | null;
  /** Replicate tells of it by itself: looking is only the safety net. */
  tells: boolean;
  /** When it was read last, log included. */
  readAt: number;
}

/** A page of a list holds this many predictions, and costs one call. */
const rowsOfPage = 100;
/** With so many due at once, lists tell what ended in fewer calls than looking at each. */
const manyDue = 50;
/** Of fewer, what they log is read as often as if Replicate told nothing: it tells of starts and ends only. */
const manyTold = 20;
/** How far this machine's clock and Replicate's may be apart. */
const clockSlackMs = 3_600_000;

/**
 * Looks at all predictions that somebody follows, within a budget of calls however many they are: few are read one by
 * one; of many, lists tell which have ended, and whole predictions are read of those and, as far as the budget goes, of
 * those whose log was read longest ago. What Replicate tells by itself is heard at once.
 */
export function predictionWatch(client: ReplicateClient, patience: Patience) {
  const waiting = new Map<string, Follower>();
  const followed = new Map<string, Followed>();

  /** Lets a follower go on, once. */
  const release = (follower: Follower, how: (follower: Follower) => void): void => {
    if (waiting.get(follower.id) !== follower) return;
    waiting.delete(follower.id);
    how(follower);
  };
  const read = async ({ watching, id }: Follower): Promise<News> => {
    const { correlationId, signal } = watching;
    const prediction = await client.prediction(id, { correlationId, signal });
    const state = followed.get(id);
    if (state) state.readAt = performance.now();
    return prediction;
  };
  const schedule = scheduler(waiting, () =>
    lookAtDue({ client, patience, waiting, followed, release, read }),
  );
  return {
    /** Resolves with the next look at a prediction, at once when Replicate has told of it meanwhile. */
    next(id: string, watching: Watching): Promise<News> {
      const state = followed.get(id) ?? { unheard: null, tells: false, readAt: 0 };
      followed.set(id, state);
      const { unheard } = state;
      state.unheard = null;
      if (unheard) return Promise.resolve(unheard);
      const waitMs =
        watching.looks <= 1 ? 0 : waitOf(patience, watching, state.tells && waiting.size >= manyTold);
      return new Promise((resolve, reject) => {
        const follower = { id, watching, dueAt: performance.now() + waitMs, resolve, reject };
        waiting.set(id, follower);
        const stop = (): void => release(follower, () => reject(watching.signal.reason));
        watching.signal.addEventListener("abort", stop, { once: true });
        if (watching.signal.aborted) stop();
        else schedule();
      });
    },
    /** Takes what Replicate told by itself; answers whether somebody here follows that prediction. */
    hear(prediction: Prediction): boolean {
      const state = followed.get(prediction.id);
      if (!state) return false;
      state.tells = true;
      const follower = waiting.get(prediction.id);
      if (follower) release(follower, () => follower.resolve(prediction));
      // The latest is kept, but nothing replaces an end.
      else if (!state.unheard || !isOver(state.unheard)) state.unheard = prediction;
      return true;
    },
    /** Nobody follows the prediction any more. */
    forget(id: string): void {
      followed.delete(id);
    },
  };
}

/** See {@link predictionWatch}. */
export type PredictionWatch = ReturnType<typeof predictionWatch>;

/** True for a prediction that does not change any more. */
export function isOver({ status }: Pick<Prediction, "status">): boolean {
  return ["succeeded", "failed", "canceled", "aborted"].includes(status);
}

/** Has a round done when the first follower is due, one at a time; called whenever a follower may have come to wait. */
function scheduler(waiting: ReadonlyMap<string, Follower>, round: () => Promise<void>): () => void {
  let looking = false;
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    clearTimeout(timer);
    if (looking || waiting.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of waiting.values()) next = Math.min(next, dueAt);
    timer = setTimeout(look, Math.max(0, next - performance.now()));
  };
  const look = (): void => {
    looking = true;
    void round().finally(() => {
      looking = false;
      schedule();
    });
  };
  return schedule;
}

function waitOf(patience: Patience, { looks, ageMs }: Watching, isTold: boolean): number {
  const usual = lookAfterMs(patience, looks - 1, ageMs);
  return isTold ? Math.max(usual, patience.toldLookMs) : usual;
}

interface Round {
  client: ReplicateClient;
  patience: Patience;
  waiting: ReadonlyMap<string, Follower>;
  followed: ReadonlyMap<string, Followed>;
  release: (follower: Follower, how: (follower: Follower) => void) => void;
  read: (follower: Follower) => Promise<News>;
}

/** Looks at everything that is due. */
async function lookAtDue(round: Round): Promise<void> {
  const { patience, waiting } = round;
  const startedAt = performance.now();
  const due = [...waiting.values()].filter(({ dueAt }) => dueAt <= startedAt);
  if (due.length < manyDue) return readEach(round, due);
  const goOn = await idsThatGoOn(round, due);
  const readAt = ({ id }: Follower): number => round.followed.get(id)?.readAt ?? 0;
  const going = due.filter(({ id }) => goOn.has(id)).toSorted((a, b) => readAt(a) - readAt(b));
  const others = due.filter(({ id }) => !goOn.has(id));
  const read = [...others, ...going].slice(0, patience.readsOfRound);
  // Whoever goes on and has no turn now waits as if it had been looked at; what has ended stays due.
  const turn = new Set(read);
  for (const follower of going)
    if (!turn.has(follower)) follower.dueAt = startedAt + Math.max(patience.oldLookMs, patience.youngLookMs);
  await readEach(round, read);
}

/** Predictions that have not ended, as lists tell them; stops once every follower was seen. */
async function idsThatGoOn({ client, patience }: Round, due: readonly Follower[]): Promise<Set<string>> {
  const wanted = new Set(due.map(({ id }) => id));
  const goOn = new Set<string>();
  const oldestMs = Date.now() - Math.max(...due.map(({ watching }) => watching.ageMs)) - clockSlackMs;
  try {
    let row = 0;
    for await (const { id, status } of client.predictionsSince(oldestMs)) {
      if (wanted.delete(id) && !isOver({ status })) goOn.add(id);
      if (wanted.size === 0) break;
      if (++row % rowsOfPage === 0) await delay(patience.betweenCallsMs);
    }
    return goOn;
  } catch {
    // Nothing is known of the others then: they are looked at one by one, and whoever asks hears what is wrong.
    return goOn;
  }
}

/** Reads whole predictions in the pace of the budget. */
async function readEach(
  { patience, waiting, release, read }: Round,
  followers: readonly Follower[],
): Promise<void> {
  const reads: Promise<void>[] = [];
  for (const [index, follower] of followers.entries()) {
    if (index > 0) await delay(patience.betweenCallsMs);
    if (waiting.get(follower.id) !== follower) continue;
    reads.push(
      read(follower).then(
        (news) => release(follower, ({ resolve }) => resolve(news)),
        (error: unknown) => release(follower, ({ reject }) => reject(error)),
      ),
    );
  }
  await Promise.all(reads);
}
