import type { Logger } from "pino";
import { errorType, type Span, type Tracer } from "../domain/trace.ts";
import { correlationAttribute, inWork, newCorrelationId } from "../domain/work-scope.ts";
import type { LoopView } from "../services/health.ts";

/** What a loop needs. */
export interface LoopOptions {
  /** For the log: what is done, as in "the costs were not counted". */
  name: string;
  everyMs: number;
  /** One round of the work; safe to repeat and to break off anywhere. */
  round: () => Promise<void>;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  /** Hears of each round that did something. */
  traces?: Tracer | null | undefined;
}

/** Work that is done again and again. */
export interface Loop {
  /** Does a round now, under a correlation id of its own, or joins the one under way; a failed round is logged and made good by the next. */
  runOnce(): Promise<void>;
  /** Resolves when no round is under way. */
  settled(): Promise<void>;
  /** How its rounds went. */
  view(): LoopView;
}

/** Does the work every so often until `stopping`, never two rounds at a time. The timer keeps no process alive. */
export function startLoop({ name, everyMs, round, log, stopping, traces = null }: LoopOptions): Loop {
  const history = roundHistory(everyMs);
  let running: Promise<void> | null = null;
  const runOnce = (): Promise<void> => {
    // A round that takes over its time is not joined by a second.
    if (running === null) {
      history.begin();
      running = inRound(name, traces, (span) =>
        round()
          .then(
            () => history.end(true),
            (error: unknown) => {
              history.end(false);
              span?.fail(errorType(error));
              log.warn({ err: error }, `${name} failed, trying again later`);
            },
          )
          .finally(() => (running = null)),
      );
    }
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
    view: history.view,
  };
}

/**
 * One round of work that is done again and again, under a correlation id and in a trace of its own. Of a round that wrote
 * nothing, called nobody and did not fail, no span goes out.
 */
export async function inRound(
  name: string,
  traces: Tracer | null,
  work: (span: Span | undefined) => Promise<void>,
): Promise<void> {
  const correlationId = newCorrelationId();
  const span = traces?.begin(name, { attributes: { [correlationAttribute]: correlationId } });
  try {
    await inWork({ correlationId, step: name, span }, () => work(span));
  } finally {
    if (span?.hasNews) span.end();
  }
}

/** Remembers how rounds went, by the machine's uptime. */
function roundHistory(everyMs: number) {
  const startedAt = performance.now();
  let beganAt: number | null = null;
  let endedAt: number | null = null;
  let succeededAt: number | null = null;
  let failuresInRow = 0;
  let failures = 0;
  let rounds = 0;
  const since = (at: number | null): number | null => (at === null ? null : performance.now() - at);
  return {
    begin(): void {
      beganAt = performance.now();
    },
    end(isGood: boolean): void {
      beganAt = null;
      endedAt = performance.now();
      rounds++;
      failuresInRow = isGood ? 0 : failuresInRow + 1;
      if (isGood) succeededAt = endedAt;
      else failures++;
    },
    view: (): LoopView => ({
      everyMs,
      runningMs: since(beganAt),
      sinceEndMs: since(endedAt),
      sinceSuccessMs: since(succeededAt),
      ageMs: performance.now() - startedAt,
      failuresInRow,
      failures,
      rounds,
    }),
  };
}
