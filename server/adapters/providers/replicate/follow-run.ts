import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { FollowResult, RunRef, RunReporter } from "../provider.ts";
import type { Prediction } from "./answers.ts";
import { billedSecondsOf } from "./billed-seconds.ts";
import { providerName } from "./failures.ts";
import { type FetchOptions, fetchOutputs, gone } from "./fetch-outputs.ts";
import type { Patience } from "./patience.ts";
import type { PredictionWatch } from "./prediction-watch.ts";
import { isOver } from "./watched-runs.ts";
import { readState, type RunPlace, type RunState } from "./run-state.ts";
import { stopRun } from "./start-run.ts";

/** What following needs. */
export interface FollowOptions extends FetchOptions {
  watch: PredictionWatch;
  patience: Patience;
  /** Values that must not be told in a log line, as of now. */
  secrets: () => Promise<readonly string[]>;
}

/** Characters of a log reported at a time. */
const reportAtOnce = 1 << 20;
/** Characters told of a line that has not ended. */
const unfinishedLength = 2_048;
/** A prediction that was just made may not be found everywhere at once. */
const missingLooks = 5;

/** Reports a prediction's log from position `from` (in UTF-16 units) until it is over and its outputs are here. */
export async function followRun(
  options: FollowOptions,
  place: RunPlace,
  run: RunRef,
  from: number,
  reporter: RunReporter,
  signal: AbortSignal,
): Promise<FollowResult> {
  const state = await readState(place);
  const id = run.externalId ?? state.predictionId;
  if (id === null) return unknown("its id was not stored.");
  try {
    return await followPrediction(options, { place, state, run, id }, from, reporter, signal);
  } finally {
    options.watch.forget(id);
  }
}

async function followPrediction(
  options: FollowOptions,
  { place, state, run, id }: { place: RunPlace; state: RunState; run: RunRef; id: string },
  from: number,
  reporter: RunReporter,
  signal: AbortSignal,
): Promise<FollowResult> {
  const startedAt = performance.now();
  let position = from;
  let missing = 0;
  let createdAtMs: number | null = state.askedFromMs;
  for (let looks = 1; ; looks++) {
    const ageMs = Math.max(
      createdAtMs === null ? 0 : Date.now() - createdAtMs,
      performance.now() - startedAt,
    );
    const prediction = await options.watch.next(id, {
      correlationId: run.runToken,
      looks,
      ageMs,
      isRead: reporter.isRead,
      signal,
    });
    if (prediction === null) {
      missing++;
      if (missing >= missingLooks) return unknown(`there is no prediction ${id} any more.`);
      continue;
    }
    missing = 0;
    createdAtMs = Date.parse(prediction.created_at ?? "") || createdAtMs;
    const over = isOver(prediction);
    const secrets = await options.secrets();
    position = await reportLog(secrets, reporter, prediction.logs ?? "", position, over);
    if (!over) continue;
    if (state.asked > 1) await stopRun(options, state, run, id);
    return endOf(options, place, prediction, signal);
  }
}

/** Hands on what is new of a log, in whole lines until its end; answers the position after it. */
async function reportLog(
  secrets: readonly string[],
  reporter: RunReporter,
  log: string,
  from: number,
  over: boolean,
): Promise<number> {
  const safe = (text: string): string =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
  const end = over ? log.length : log.lastIndexOf("\n") + 1;
  let position = from;
  while (position < end) {
    let next = Math.min(end, position + reportAtOnce);
    const lineEnd = log.lastIndexOf("\n", next - 1) + 1;
    // A line that is longer than a piece is cut.
    if (next < end && lineEnd > position) next = lineEnd;
    await reporter.log(safe(log.slice(position, next)), next);
    position = next;
  }
  if (!over && log.length > Math.max(end, position))
    await reporter.unfinishedLine(safe(log.slice(Math.max(end, log.length - unfinishedLength))));
  return position;
}

async function endOf(
  options: FollowOptions,
  place: RunPlace,
  prediction: Prediction,
  signal: AbortSignal,
): Promise<FollowResult> {
  const billedSeconds = billedSecondsOf(prediction);
  const failed = ({ code, message }: Failure): FollowResult => ({
    outcome: "failed",
    code,
    message,
    billedSeconds,
  });
  switch (prediction.status) {
    case "canceled":
      return { outcome: "cancelled", billedSeconds };
    case "aborted":
      return failed(
        fail("provider_refused", {
          provider: providerName,
          reason: "it found no machine for it in time. Submit it again.",
        }),
      );
    case "failed":
      return {
        outcome: "failed",
        code: "trainer_failed",
        message:
          `Training failed at ${providerName}. ${errorText(prediction.error, await options.secrets())}`.trim(),
        billedSeconds,
      };
    default:
  }
  try {
    const { elsewhere } = await fetchOutputs(options, place, prediction, signal);
    const nothing = prediction.output === null || prediction.output === undefined;
    if (nothing && prediction.data_removed === true && !(await readState(place)).publishes)
      throw gone(prediction.id);
    return { outcome: "completed", outputUrl: elsewhere, billedSeconds };
  } catch (error) {
    if (error instanceof Failure && error.code === "provider_outputs_gone") return failed(error);
    throw error;
  }
}

function errorText(error: unknown, secrets: readonly string[]): string {
  const text = typeof error === "string" ? error : error ? JSON.stringify(error) : "";
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text).slice(0, 400);
}

function unknown(reason: string): FollowResult {
  const { code, message } = fail("provider_run_unknown", {
    provider: providerName,
    reason,
    url: "https://replicate.com/predictions",
  });
  return { outcome: "failed", code, message };
}
