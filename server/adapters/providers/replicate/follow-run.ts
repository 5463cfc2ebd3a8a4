import { setTimeout as delay } from "node:timers/promises";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { FollowResult, RunRef, RunReporter } from "../provider.ts";
import type { Prediction } from "./answers.ts";
import { providerName } from "./failures.ts";
import { type FetchOptions, fetchOutputs, gone } from "./fetch-outputs.ts";
import { lookAfterMs, type Patience } from "./patience.ts";
import { readState, type RunPlace } from "./run-state.ts";
import { stopRun } from "./start-run.ts";

/** What following needs. */
export interface FollowOptions extends FetchOptions {
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
  const call = { correlationId: run.runToken, signal };
  const startedAt = performance.now();
  let position = from;
  let missing = 0;
  for (let looks = 1; ; looks++) {
    const prediction = await options.client.prediction(id, call);
    if (prediction === null) {
      missing++;
      if (missing >= missingLooks) return unknown(`there is no prediction ${id} any more.`);
    } else {
      missing = 0;
      const over = isOver(prediction);
      const secrets = await options.secrets();
      position = await reportLog(secrets, reporter, prediction.logs ?? "", position, over);
      if (over) {
        if (state.asked > 1) await stopRun(options, state, run, id);
        return endOf(options, place, prediction, signal);
      }
    }
    const ageMs = prediction?.created_at ? Date.now() - Date.parse(prediction.created_at) : 0;
    await delay(
      lookAfterMs(options.patience, looks, Math.max(ageMs, performance.now() - startedAt)),
      undefined,
      {
        signal,
      },
    );
  }
}

function isOver({ status }: Prediction): boolean {
  return ["succeeded", "failed", "canceled", "aborted"].includes(status);
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
  const billedSeconds = prediction.metrics?.predict_time ?? (prediction.status === "aborted" ? 0 : null);
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
