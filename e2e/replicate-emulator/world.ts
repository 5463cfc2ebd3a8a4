import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { modelOfVersion, webhookCheckModel } from "./models.ts";
import { billedNanoUsd, type StoredPrediction, viewOf } from "./prediction-life.ts";
import type { HubEmulator } from "../hub-emulator/emulator.ts";
import { checkInput, type PredictorKind, stepsOf, trainOn } from "./predictor.ts";
import { type WebhookFaults, type WebhookSender, webhookSender } from "./webhook-sender.ts";
import { ApiProblem, invalidInput } from "./wire.ts";

/** An uploaded file. */
export interface StoredFile {
  id: string;
  name: string;
  path: string;
  sizeBytes: number;
  createdAtMs: number;
}

/** What becomes of one prediction. */
export interface Fate {
  startMs?: number;
  trainMs?: number;
  /** Why it fails. */
  failure?: string;
  /** Somebody cancels it at Replicate so long after its creation. */
  canceledAfterMs?: number;
}

/** What a test may change while the emulator runs. */
export interface Behaviour {
  /** Between a prediction's creation and its start. */
  startMs: number;
  /** Of computing. */
  trainMs: number;
  /** Why every new prediction fails. */
  failure: string | null;
  /** What becomes of one prediction, where it differs from what becomes of all. */
  fateOf: ((input: Record<string, unknown>) => Fate) | null;
  /** Cancelling is taken and has no effect: training ends first. */
  cancelsTooLate: boolean;
  /** The files of the output, by the name at the end of their addresses. */
  files: Readonly<Record<string, Uint8Array>>;
  /** A text as the output, instead of files. */
  says: string | null;
  /** Which predictor answers. */
  predictor: PredictorKind;
  /** The Hub that trainings read from. */
  hub: HubEmulator | null;
  /** What the status page answers. */
  statusPage: unknown;
  webhookFaults: WebhookFaults;
}

/** Files and predictions of the emulated account. */
export function emulatedWorld(place: {
  folder: string;
  origin: string;
  now: () => number;
  behaviour: Behaviour;
}) {
  const { folder, origin, now, behaviour } = place;
  const baseUrl = `${origin}/v1`;
  const files = new Map<string, StoredFile>();
  const predictions: StoredPrediction[] = [];
  const urlOf = (file: StoredFile) => `${baseUrl}/files/${file.id}`;
  const view = (prediction: StoredPrediction) =>
    viewOf(prediction, now(), baseUrl, (name) => `${origin}/output/${prediction.outputKey}/${name}`);
  const webhooks = webhookSender({ faults: behaviour.webhookFaults, view, now });
  return {
    baseUrl,
    files,
    predictions,
    webhooks,
    view,
    fileView: (file: StoredFile) => fileView(file, urlOf(file)),
    /** Keeps the part `content` of an upload. */
    async storeFile(body: Buffer, contentType: string): Promise<StoredFile> {
      const headers = { "content-type": contentType };
      const form = await new Response(new Uint8Array(body), { headers }).formData().catch(() => null);
      const content = form?.get("content");
      if (!(content instanceof File))
        throw new ApiProblem(400, "Bad request", 'Send a multipart form with the file in "content".');
      const id = randomBytes(13).toString("hex");
      const path = join(folder, id);
      await writeFile(path, content.stream());
      const file = { id, name: content.name, path, sizeBytes: content.size, createdAtMs: now() };
      files.set(id, file);
      return file;
    },
    async deleteFile(file: StoredFile): Promise<void> {
      files.delete(file.id);
      await rm(file.path, { force: true });
    },
    create: (body: Buffer) =>
      createPrediction({ folder, files, predictions, behaviour, urlOf, webhooks, now }, body),
    /** What all predictions that are over have cost, in billionths of a dollar. */
    billedNanoUsd: () => predictions.reduce((sum, each) => sum + billedNanoUsd(each, now()), 0),
  };
}
/** See {@link emulatedWorld}. */
export type EmulatedWorld = ReturnType<typeof emulatedWorld>;

/** Lets a prediction find its datasets, or fail as its predictor would. */
async function train(
  prediction: StoredPrediction,
  { predictor, hub }: Behaviour,
  fetchArchive: () => Promise<string | null>,
): Promise<void> {
  try {
    prediction.seen = await trainOn(predictor, prediction.input, await fetchArchive(), hub);
  } catch (error) {
    prediction.problem ??= (error as Error).message;
  }
}

/** Gets an input from elsewhere, as the platform does before the predictor runs. */
async function fetchInput(url: unknown, path: string): Promise<string | null> {
  if (typeof url !== "string") return null;
  const answer = await fetch(url);
  if (!answer.ok || answer.body === null)
    throw new Error(`${url} cannot be fetched (status ${answer.status})`);
  await writeFile(path, answer.body);
  return path;
}

interface Account {
  folder: string;
  files: ReadonlyMap<string, StoredFile>;
  predictions: StoredPrediction[];
  behaviour: Behaviour;
  urlOf: (file: StoredFile) => string;
  webhooks: WebhookSender;
  now: () => number;
}

/** Takes a prediction and starts looking into its archive. */
function createPrediction(
  { folder, files, predictions, behaviour, urlOf, webhooks, now }: Account,
  body: Buffer,
): StoredPrediction {
  const {
    version,
    input,
    webhook,
    webhook_events_filter: events,
    ...others
  } = JSON.parse(body.toString()) as Record<string, unknown>;
  const extra = Object.keys(others);
  if (extra.length > 0)
    throw invalidInput(
      extra.map((name) => ({ field: name, description: `Additional property ${name} is not allowed` })),
    );
  const model = modelOfVersion(String(version));
  if (!model)
    throw new ApiProblem(422, "Invalid version or not permitted", "The specified version does not exist");
  if (model.name === webhookCheckModel) {
    const check = {
      ...newPrediction(model, { config_json: "{}" }, behaviour, now()),
      startMs: 0,
      trainMs: 500,
    };
    void calledBack(input as { webhook_url?: unknown }).then((said) => (check.says = said));
    predictions.push(check);
    return check;
  }
  const checked = checkInput(input);
  const prediction = newPrediction(model, checked, behaviour, now());
  const images = checked["images"];
  const file = [...files.values()].find((each) => urlOf(each) === images);
  const target = join(folder, `fetched-${prediction.id}`);
  void train(prediction, behaviour, async () => file?.path ?? fetchInput(images, target));
  predictions.push(prediction);
  if (typeof webhook === "string") webhooks.follow(prediction, webhook, filterOf(events));
  return prediction;
}

const webhookEvents = ["start", "output", "logs", "completed"];

function filterOf(events: unknown): readonly string[] {
  const names = Array.isArray(events) ? events.map(String) : ["output", "completed"];
  const unknown = names.find((name) => !webhookEvents.includes(name));
  if (unknown === undefined) return names;
  const description = `"${unknown}" is not one of ${webhookEvents.join(", ")}`;
  throw invalidInput([{ field: "webhook_events_filter", description }]);
}

/** What the checking model answers. */
async function calledBack({ webhook_url: url }: { webhook_url?: unknown }): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(String(url), { method: "POST", headers, body: "{}", redirect: "manual" }).catch(
    (error: unknown) => (error as Error).message,
  );
  if (typeof answer === "string") return JSON.stringify({ success: false, status_code: null, error: answer });
  return JSON.stringify({
    success: answer.ok,
    status_code: answer.status,
    error: answer.ok ? null : `status ${answer.status}`,
  });
}

function fileView(file: StoredFile, url: string) {
  return {
    id: file.id,
    name: file.name,
    content_type: "application/zip",
    size: file.sizeBytes,
    created_at: new Date(file.createdAtMs).toISOString(),
    expires_at: new Date(file.createdAtMs + 24 * 3_600_000).toISOString(),
    metadata: {},
    urls: { get: url },
  };
}

function newPrediction(
  model: { name: string; version: string; nanoUsdPerSecond: number },
  input: Record<string, unknown>,
  { fateOf, files, says, ...usual }: Behaviour,
  createdAtMs = 0,
): StoredPrediction {
  const { startMs, trainMs, failure, canceledAfterMs } = {
    ...usual,
    canceledAfterMs: null,
    ...fateOf?.(input),
  };
  return {
    id: randomBytes(13).toString("hex"),
    version: model.version,
    model: model.name,
    nanoUsdPerSecond: model.nanoUsdPerSecond,
    input,
    createdAtMs,
    startMs,
    trainMs,
    steps: stepsOf(input),
    problem: failure,
    seen: null,
    canceledAtMs: canceledAfterMs === null ? null : createdAtMs + canceledAfterMs,
    ignoresCancel: false,
    dataRemoved: false,
    outputs: Object.keys(files),
    says,
    outputKey: randomBytes(8).toString("hex"),
  };
}
