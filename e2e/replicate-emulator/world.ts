import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { modelOfVersion } from "./models.ts";
import { billedNanoUsd, type StoredPrediction, viewOf } from "./prediction-life.ts";
import type { HubEmulator } from "../hub-emulator/emulator.ts";
import { checkInput, type PredictorKind, stepsOf, trainOn } from "./predictor.ts";
import { ApiProblem, invalidInput } from "./wire.ts";

/** An uploaded file. */
export interface StoredFile {
  id: string;
  name: string;
  path: string;
  sizeBytes: number;
  createdAtMs: number;
}

/** What a test may change while the emulator runs. */
export interface Behaviour {
  /** Between a prediction's creation and its start. */
  startMs: number;
  /** Of computing. */
  trainMs: number;
  /** Why every new prediction fails. */
  failure: string | null;
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
  return {
    baseUrl,
    files,
    predictions,
    fileView: (file: StoredFile) => fileView(file, urlOf(file)),
    view: (prediction: StoredPrediction) =>
      viewOf(prediction, now(), baseUrl, (name) => `${origin}/output/${prediction.outputKey}/${name}`),
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
    /** Takes a prediction and starts looking into its archive. */
    create(body: Buffer): StoredPrediction {
      const { version, input, ...others } = JSON.parse(body.toString()) as Record<string, unknown>;
      const extra = Object.keys(others).filter(
        (name) => !["webhook", "webhook_events_filter"].includes(name),
      );
      if (extra.length > 0)
        throw invalidInput(
          extra.map((name) => ({ field: name, description: `Additional property ${name} is not allowed` })),
        );
      const model = modelOfVersion(String(version));
      if (!model)
        throw new ApiProblem(422, "Invalid version or not permitted", "The specified version does not exist");
      const checked = checkInput(input);
      const prediction = { ...newPrediction(model, checked, behaviour), createdAtMs: now() };
      const images = checked["images"];
      const file = [...files.values()].find((each) => urlOf(each) === images);
      const target = join(folder, `fetched-${prediction.id}`);
      void train(prediction, behaviour, async () => file?.path ?? fetchInput(images, target));
      predictions.push(prediction);
      return prediction;
    },
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
  { startMs, trainMs, failure, files, says }: Behaviour,
): StoredPrediction {
  return {
    id: randomBytes(13).toString("hex"),
    version: model.version,
    model: model.name,
    nanoUsdPerSecond: model.nanoUsdPerSecond,
    input,
    createdAtMs: 0,
    startMs,
    trainMs,
    steps: stepsOf(input),
    problem: failure,
    seen: null,
    canceledAtMs: null,
    ignoresCancel: false,
    dataRemoved: false,
    outputs: Object.keys(files),
    says,
    outputKey: randomBytes(8).toString("hex"),
  };
}
