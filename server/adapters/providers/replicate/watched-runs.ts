import type { Prediction } from "./answers.ts";
import { lookAfterMs, type Patience } from "./patience.ts";

/** How a follower waits for the next look at its prediction. */
export interface Watching {
  correlationId: string;
  /** Which look since following began it waits for; 1 is the first. */
  looks: number;
  /** Milliseconds since the prediction was made, or since following began. */
  ageMs: number;
  /** Somebody reads the run's log as it grows. */
  isRead: () => boolean;
  signal: AbortSignal;
}

/** What a follower hears: the whole prediction, or null when there is none. */
export type News = Prediction | null;

/** A follower that waits. */
export interface Follower {
  watching: Watching;
  dueAt: number;
  hear(news: News): void;
  fail(error: unknown): void;
}

/** A prediction that is followed; instants are those of `performance.now()`. */
export interface WatchedRun {
  readonly id: string;
  follower: Follower | null;
  /** It is over, as a list or Replicate's own word has it; what it came to is read next. */
  endTold: boolean;
  /** Replicate tells of it by itself: looking is only the safety net. */
  tells: boolean;
  isBeingRead: boolean;
  /** When it was read last, log included. */
  readAt: number;
  /** By this machine's clock, in epoch milliseconds. */
  createdAtMs: number;
  /** Called once what was read is stored. */
  whenStored: (() => void)[];
}

/** A run that nobody waits for yet. */
export function watchedRun(id: string): WatchedRun {
  return {
    id,
    follower: null,
    endTold: false,
    tells: false,
    isBeingRead: false,
    readAt: Number.NEGATIVE_INFINITY,
    createdAtMs: 0,
    whenStored: [],
  };
}

/** True for a prediction that does not change any more. */
export function isOver({ status }: Pick<Prediction, "status">): boolean {
  return ["succeeded", "failed", "canceled", "aborted"].includes(status);
}

/**
 * How long a follower waits for its next look. Replicate tells of starts and ends only, so few runs are looked at for
 * their logs as often as if it told nothing; of more, and once they are not young, looks are the safety net alone.
 */
export function waitOf(patience: Patience, watching: Watching, { tells }: WatchedRun, runs: number): number {
  const { looks, ageMs } = watching;
  if (looks <= 1) return 0;
  if (tells && runs > patience.fewRuns && !isYoung(patience, watching)) return patience.toldLookMs;
  return lookAfterMs(patience, looks - 1, ageMs);
}

/** When a run is to be read: never while nobody waits for it. */
export function dueAt({ follower, endTold, isBeingRead, readAt }: WatchedRun, patience: Patience): number {
  if (!follower || isBeingRead) return Number.POSITIVE_INFINITY;
  if (endTold) return Number.NEGATIVE_INFINITY;
  if (!follower.watching.isRead()) return follower.dueAt;
  return Math.min(follower.dueAt, readAt + patience.youngLookMs);
}

/** Which of the runs that are due is read next. With `forTheRest` the least urgent come first, so that none is forgotten. */
export function nextToRead(
  runs: Iterable<WatchedRun>,
  patience: Patience,
  forTheRest: boolean,
): WatchedRun | null {
  const now = performance.now();
  let next: WatchedRun | null = null;
  let nextUrgency = 0;
  for (const run of runs) {
    if (dueAt(run, patience) > now) continue;
    const urgency = urgencyOf(run, patience) * (forTheRest ? -1 : 1);
    // Among equals it is whose log was read longest ago.
    if (next === null || urgency > nextUrgency || (urgency === nextUrgency && run.readAt < next.readAt)) {
      next = run;
      nextUrgency = urgency;
    }
  }
  return next;
}

/** What has ended comes first, since its data is removed an hour later; then what is young or read by somebody. */
function urgencyOf({ endTold, follower }: WatchedRun, patience: Patience): number {
  if (endTold) return 3;
  return follower && (isYoung(patience, follower.watching) || follower.watching.isRead()) ? 2 : 1;
}

function isYoung(patience: Patience, { looks, ageMs }: Watching): boolean {
  return lookAfterMs(patience, looks, ageMs) < patience.oldLookMs;
}
