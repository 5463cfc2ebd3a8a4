import { setTimeout as delay } from "node:timers/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { RunRequest } from "../provider.ts";
import type { Prediction } from "./answers.ts";
import { type CarriedDatasets, carryDatasets, type CarryOptions } from "./carry-datasets.ts";
import type { ReplicateClient } from "./client.ts";
import { mayHaveActed, providerName } from "./failures.ts";
import { type Patience, patiently } from "./patience.ts";
import { isTagged, predictionInput } from "./prediction-input.ts";
import { changeState, readState, type RunPlace, type RunState } from "./run-state.ts";

/** What starting needs. */
export interface StartOptions extends CarryOptions {
  patience: Patience;
  /** This server can be reached from outside. */
  reachable: boolean;
  /** See {@link InputParts}. */
  installation: () => Promise<string>;
  /** Where Replicate tells of the run; null: nowhere. */
  webhookUrl: string | null;
}

/** How far a clock may be off when there is no better one. */
const clockSlackMs = 60_000;
const clockUnknownMs = 3_600_000;
/** An answer that is under way when the job is cancelled or the server stops is waited for so long. */
const answerGraceMs = 5_000;

/** Uploads and asks for the prediction; whatever an earlier, cut-off start has done is found again. Answers its id. */
export async function startRun(
  options: StartOptions,
  place: RunPlace,
  request: RunRequest,
  model: string,
  signal: AbortSignal,
): Promise<string> {
  return patiently(options.patience, signal, async () => {
    let state = await readState(place);
    if (state.predictionId === null && state.askedFromMs !== null)
      state = await adopt(options, place, state, request.runToken, signal);
    if (state.predictionId !== null) return state.predictionId;
    const { archivePath } = request;
    if (archivePath === null)
      throw fail("provider_refused", {
        provider: providerName,
        reason: "the datasets lie on this machine. Submit the job with its datasets packaged.",
      });
    const carried = await carryDatasets(options, place, state, { ...request, archivePath }, signal);
    return create(options, place, request, carried, model, signal);
  });
}

async function create(
  options: StartOptions,
  place: RunPlace,
  request: RunRequest,
  carried: CarriedDatasets,
  model: string,
  signal: AbortSignal,
): Promise<string> {
  const { client } = options;
  const state = await readState(place);
  const call = { correlationId: request.runToken, signal };
  const [name = model, pinned] = model.split(":");
  const { version: newest, atMs } = await client.newestVersion(name, call);
  const version = pinned ?? newest;
  if (version === null)
    throw fail("provider_refused", { provider: providerName, reason: `the model ${name} has no version.` });
  const { input, publishes } = predictionInput({
    request,
    carried,
    reachable: options.reachable,
    hubToken: await options.hubToken(),
    installation: await options.installation(),
  });
  signal.throwIfAborted();
  const askedFromMs =
    state.askedFromMs ?? (atMs === null ? Date.now() - clockUnknownMs : atMs - clockSlackMs);
  await changeState(place, { version, publishes, askedFromMs, asked: state.asked + 1 });
  const prediction = await client
    .create(`${name}:${version}`, input, options.webhookUrl, {
      correlationId: request.runToken,
      signal: lateSignal(signal),
    })
    .catch(async (error: unknown) => {
      // Certainly not taken: nothing to look for when this is tried again.
      if (!mayHaveActed(error) && state.askedFromMs === null) await changeState(place, { askedFromMs: null });
      throw error;
    });
  await changeState(place, { predictionId: prediction.id });
  return prediction.id;
}

/** Finds the prediction that an earlier request may have made; looks twice, since it may still be on its way. */
async function adopt(
  options: StartOptions,
  place: RunPlace,
  state: RunState,
  runToken: string,
  signal: AbortSignal,
): Promise<RunState> {
  for (const look of [1, 2]) {
    const [first, ...others] = await tagged(options.client, state, runToken, signal);
    if (first) {
      const next = await changeState(place, { predictionId: first.id });
      for (const other of others) await options.client.cancel(other.id, { correlationId: runToken });
      return next;
    }
    if (look === 1) await delay(options.patience.settleMs, undefined, { signal });
  }
  return state;
}

/**
 * The run's predictions, the oldest first. Throws `provider_run_unknown` when one of this version lost its input
 * meanwhile (an hour after its end): it may be the run's own.
 */
async function tagged(
  client: ReplicateClient,
  state: RunState,
  runToken: string,
  signal?: AbortSignal,
): Promise<Prediction[]> {
  const call = { correlationId: runToken, ...(signal && { signal }) };
  const found: Prediction[] = [];
  let unreadable: string | null = null;
  for await (const prediction of client.predictionsSince(state.askedFromMs ?? 0, call)) {
    if (isTagged(prediction, runToken)) found.unshift(prediction);
    else if (prediction.data_removed === true && prediction.version === state.version)
      unreadable = prediction.id;
  }
  if (found.length === 0 && unreadable !== null)
    throw fail("provider_run_unknown", {
      provider: providerName,
      reason: `the prediction ${unreadable} may be it, but its data has been removed.`,
      url: "https://replicate.com/predictions",
    });
  return found;
}

/**
 * Stops a run, whether or not its id is known, and answers that id; null: there is no such run. With `keep`, that
 * prediction is left alone and only what a repeated request made beside it is stopped.
 */
export async function stopRun(
  { client, patience }: { client: ReplicateClient; patience: Patience },
  state: RunState,
  run: { runToken: string; externalId: string | null },
  keep: string | null = null,
): Promise<string | null> {
  const ids = new Set<string>();
  for (const id of [run.externalId, state.predictionId]) if (id !== null) ids.add(id);
  const isKnown = ids.size > 0;
  const collect = async (): Promise<void> => {
    for await (const prediction of client.predictionsSince(state.askedFromMs ?? 0, {
      correlationId: run.runToken,
    }))
      if (isTagged(prediction, run.runToken)) ids.add(prediction.id);
  };
  // With one request whose answer is known there is nothing else.
  if (state.askedFromMs !== null && (!isKnown || state.asked > 1)) await collect();
  if (state.askedFromMs !== null && ids.size === 0) {
    await delay(patience.settleMs);
    await collect();
  }
  for (const id of ids) if (id !== keep) await client.cancel(id, { correlationId: run.runToken });
  const [id = null] = ids;
  return id;
}

/** Aborts a moment after `signal`: an answer that is nearly there tells what would else have to be looked for. */
function lateSignal(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  signal.addEventListener("abort", () => setTimeout(() => late.abort(signal.reason), answerGraceMs).unref(), {
    once: true,
  });
  return late.signal;
}
