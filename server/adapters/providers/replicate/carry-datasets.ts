import { stat } from "node:fs/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DataloaderConfig } from "../../../domain/config-rules.ts";
import type { ArchivedFile } from "../archived-files.ts";
import type { RunRequest } from "../provider.ts";
import { largestUploadBytes, type ReplicateClient } from "./client.ts";
import {
  localDatasets,
  replicateRoute,
  type RouteCircumstances,
  type TrainerTakes,
} from "./dataset-route.ts";
import { providerName } from "./failures.ts";
import { uploadToHub } from "./hub-datasets.ts";
import { hubEntry } from "./hub-entry.ts";
import type { HubRepositories } from "./hub-repositories.ts";
import { changeState, type RunPlace, type RunState } from "./run-state.ts";

/** Where archives can be put for Replicate to fetch them. */
export interface Staging {
  /** Null: nowhere. */
  place(): Promise<"server" | "bucket" | null>;
  /** Puts a job's archive there, going on where an earlier attempt was cut off, and answers an address that opens it. */
  put(input: {
    jobId: string;
    archivePath: string;
    onProgress: (sentBytes: number, totalBytes: number) => void;
    signal: AbortSignal;
  }): Promise<string>;
  /** Removes what lies there for a job; harmless when nothing does. */
  remove(jobId: string): Promise<void>;
}

/** What carrying needs. */
export interface CarryOptions {
  client: ReplicateClient;
  takes: TrainerTakes;
  /** Null: nothing can be staged. */
  staging: Staging | null;
  /** The repositories of a token's account. */
  hubOf: (token: string) => HubRepositories;
  /** The dataset list that an archive carries, with paths inside it. */
  readDataloader: (archivePath: string) => Promise<DataloaderConfig>;
  openArchive: (archivePath: string) => AsyncIterable<ArchivedFile>;
  /** The HuggingFace token of this server, null without. */
  hubToken: () => Promise<string | null>;
}

/** What a prediction is told of its datasets. */
export interface CarriedDatasets {
  /** The input `images`; null where the trainer gets no archive. */
  images: string | null;
  dataloader: DataloaderConfig;
  /** The trainer reads private repositories with this token; null where it needs none. */
  hubToken: string | null;
}

/** A request whose datasets are packaged. */
export type PackagedRequest = RunRequest & { archivePath: string };

/** A file must live so long when the prediction that reads it is asked for. */
const fileLeftMs = 3_600_000;
/** Replicate keeps uploaded files for a day. */
const fileLifeMs = 24 * 3_600_000;

/** How things stand for the choice of a route. */
export async function circumstancesOf({
  takes,
  staging,
  hubToken,
}: Pick<CarryOptions, "takes" | "staging" | "hubToken">): Promise<RouteCircumstances> {
  return {
    takes,
    hasHubToken: (await hubToken()) !== null,
    staging: (await staging?.place()) ?? null,
    uploadLimitBytes: largestUploadBytes,
  };
}

/** Brings the datasets to where the trainer reads them; what an earlier, cut-off start has brought is found again. */
export async function carryDatasets(
  options: CarryOptions,
  place: RunPlace,
  state: RunState,
  request: PackagedRequest,
  signal: AbortSignal,
): Promise<CarriedDatasets> {
  const { size } = await stat(request.archivePath);
  const dataloader = await options.readDataloader(request.archivePath);
  const question = { config: request.config, dataloader, archiveBytes: size, files: 0 };
  const { way, refusal } = replicateRoute(question, await circumstancesOf(options));
  if (refusal) throw refusal;
  if (way === "hub") return carryByHub(options, place, dataloader, request, signal);
  const images =
    way === "upload"
      ? await uploaded(options, place, state, request, signal)
      : way === "staged"
        ? await staged(options.staging, place, request, signal)
        : null;
  return { images, dataloader, hubToken: null };
}

/** The name of a run's upload, by which one is found whose answer was lost. */
export function uploadName(runToken: string): string {
  return `simpletuner-cloud-${runToken}.zip`;
}

async function uploaded(
  { client }: CarryOptions,
  place: RunPlace,
  state: RunState,
  request: PackagedRequest,
  signal: AbortSignal,
): Promise<string> {
  if (state.file && state.file.expiresAtMs > Date.now() + fileLeftMs) return state.file.url;
  const call = { correlationId: request.runToken, signal };
  const name = uploadName(request.runToken);
  if (state.uploads > 0)
    for (const file of await client.filesNamed(name, call)) await client.deleteFile(file.id, call);
  await changeState(place, { uploads: state.uploads + 1, file: null });
  const onProgress = (sent: number, total: number) => request.onUpload?.({ sent, total, file: null });
  const file = await client.upload({ path: request.archivePath, name, onProgress }, call);
  const expiresAtMs = Date.parse(file.expires_at ?? "") || Date.now() + fileLifeMs;
  await changeState(place, { file: { id: file.id, url: file.urls.get, expiresAtMs } });
  return file.urls.get;
}

async function staged(
  staging: Staging | null,
  place: RunPlace,
  { jobId, archivePath, onUpload }: PackagedRequest,
  signal: AbortSignal,
): Promise<string | null> {
  if (!staging) return null;
  await changeState(place, { staged: true });
  const onProgress = (sent: number, total: number) => onUpload?.({ sent, total, file: null });
  return staging.put({ jobId, archivePath, onProgress, signal });
}

async function carryByHub(
  options: CarryOptions,
  place: RunPlace,
  dataloader: DataloaderConfig,
  request: PackagedRequest,
  signal: AbortSignal,
): Promise<CarriedDatasets> {
  const { config, runToken, archivePath } = request;
  const hubToken = await options.hubToken();
  if (hubToken === null)
    throw fail("datasets_not_carried", { provider: providerName, reason: "there is no Hugging Face token." });
  const hub = options.hubOf(hubToken);
  const call = { correlationId: runToken, signal };
  const account = await hub.account(call);
  const local = new Set(localDatasets(dataloader));
  const repoOf = (index: number): string => `${account}/simpletuner-cloud-${runToken}-${index + 1}`;
  const repositories = dataloader.flatMap((dataset, index) => (local.has(dataset) ? [repoOf(index)] : []));
  await changeState(place, { repositories });
  const onSent = progressOf(request, await totalBytes(options, archivePath));
  const carried: DataloaderConfig = [];
  for (const [index, dataset] of dataloader.entries()) {
    if (!local.has(dataset)) {
      carried.push(dataset);
      continue;
    }
    const repo = repoOf(index);
    await hub.create(repo, call);
    const archiveDir = String(dataset["instance_data_dir"]);
    const open = () => options.openArchive(archivePath);
    const found = await uploadToHub(hub, { dataset, config, archiveDir, open, repo, onSent }, call);
    carried.push(hubEntry(dataset, config, found));
  }
  return { images: null, dataloader: carried, hubToken };
}

async function totalBytes({ openArchive }: CarryOptions, archivePath: string): Promise<number> {
  let total = 0;
  for await (const { sizeBytes } of openArchive(archivePath)) total += sizeBytes;
  return total;
}

function progressOf({ onUpload }: RunRequest, total: number) {
  let sent = 0;
  return (file: string, bytes: number): void => {
    sent += bytes;
    onUpload?.({ sent, total: Math.max(total, sent), file });
  };
}
