import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import {
  type EmulatorOptions,
  type ReplicateEmulator,
  startReplicateEmulator,
} from "../../../../e2e/replicate-emulator/emulator.ts";
import type { HubEmulator } from "../../../../e2e/hub-emulator/emulator.ts";
import { readConfig } from "../../../config.ts";
import { archivedFiles } from "../../../packaging/archived-files.ts";
import { extractArchive } from "../../../packaging/extract-archive.ts";
import { readArchivedDataloader } from "../../../packaging/read-archived-dataloader.ts";
import { datasetPackaging } from "../../../services/dataset-packaging.ts";
import { makeDataset } from "../../../testing/test-server.ts";
import { outboundHttp } from "../../outbound/undici/outbound-http.ts";
import type { RunReporter, RunRequest } from "../provider.ts";
import type { Staging } from "./carry-datasets.ts";
import type { Patience } from "./patience.ts";
import { replicateProvider } from "./replicate-provider.ts";

/** The signal of what is never cut off. */
export const never = new AbortController().signal;
/** The secret of the upload credential that requests hold. */
export const uploadSecret = "STU-secret-of-the-upload";

const patience: Patience = {
  firstWaitMs: 20,
  longestWaitMs: 50,
  giveUpAfterMs: 5_000,
  settleMs: 60,
  youngLookMs: 20,
  oldLookMs: 50,
  toldLookMs: 50,
  betweenCallsMs: 1,
  callsAtOnce: 20,
  fewRuns: 20,
  manyRuns: 100,
};

/** How a test's provider differs from the usual one. */
export interface ProviderOptions {
  token?: string | null;
  reachable?: boolean;
  timeoutMs?: number;
  takes?: "hub" | "archive";
  hub?: HubEmulator;
  staging?: Staging;
  hubToken?: string;
  patience?: Partial<Patience>;
}

/** The provider and the emulator that it talks to, with short waits, an archive, and what a run reported. */
export async function openReplicateSite(behaviour: EmulatorOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), "replicate test "));
  const jobsFolder = join(folder, "jobs");
  const archivePath = join(folder, "data.zip");
  await packDataset(folder, archivePath);
  const emulator = await startReplicateEmulator({
    startMs: 20,
    trainMs: 100,
    predictor: "unpacks",
    slowMs: 600,
    retryAfterSeconds: 0.05,
    ...behaviour,
  });
  const closers: (() => Promise<void>)[] = [];
  const told = { log: "", warnings: [] as string[] };
  const reporter: RunReporter = {
    log: async (text) => {
      told.log += text;
    },
    unfinishedLine: async () => undefined,
    isRead: () => false,
  };

  const provider = (options: ProviderOptions = {}) =>
    openProvider({ emulator, jobsFolder, told, closers }, options);
  const request = (more: Partial<RunRequest> = {}): RunRequest => ({ ...usualRequest, archivePath, ...more });
  const outputs = () => readdir(join(jobsFolder, "job-1", "output")).catch(() => []);

  return {
    folder,
    jobsFolder,
    emulator,
    told,
    reporter,
    provider,
    request,
    outputs,
    /** Starts, follows and forgets one run, and answers its end. */
    async wholeRun(more: Partial<RunRequest> = {}, options: ProviderOptions = {}) {
      const replicate = provider(options);
      const started = await replicate.start(request(more), never);
      const run = { ...request(more), externalId: started.externalId };
      const end = await replicate.follow(run, 0, reporter, never);
      const files = await outputs();
      await replicate.forget("job-1");
      return { started, end, files };
    },
    async close(): Promise<void> {
      for (const close of closers) await close();
      await emulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
/** See {@link openReplicateSite}. */
export type ReplicateSite = Awaited<ReturnType<typeof openReplicateSite>>;

interface ProviderPlace {
  emulator: ReplicateEmulator;
  jobsFolder: string;
  told: { warnings: string[] };
  closers: (() => Promise<void>)[];
}

function openProvider({ emulator, jobsFolder, told, closers }: ProviderPlace, options: ProviderOptions) {
  const outbound = outboundHttp(
    { ...readConfig({}).outbound, timeoutMs: options.timeoutMs ?? 5_000 },
    { firstWaitMs: 10, failuresToOpen: 50, openMs: 50 },
  );
  closers.push(() => outbound.close());
  return replicateProvider({
    http: outbound.service(),
    promptHttp: outbound.service(),
    statusHttp: outbound.service(),
    statusUrl: emulator.statusUrl,
    token: async () => {
      const value = options.token === undefined ? emulator.token : options.token;
      return value === null ? null : { value, source: "environment" };
    },
    baseUrl: emulator.baseUrl,
    settings: async () => ({
      model: "simpletuner/advanced-trainer-h100",
      hardwareProfile: null,
      hardwarePrices: new Map(),
      webhookUrl: null,
      storageUrl: options.reachable ? "https://train.example.org" : null,
    }),
    jobsFolder,
    leftoversFolder: join(jobsFolder, "..", "leftovers"),
    takes: options.takes ?? "archive",
    staging: options.staging ?? null,
    hubHttp: outbound.service(),
    hubUrl: options.hub?.url ?? "http://127.0.0.1:9",
    hubToken: async () => options.hubToken ?? options.hub?.token ?? null,
    openArchive: archivedFiles,
    installation: async () => "here",
    readDataloader: readArchivedDataloader,
    unpack,
    warn: (error, message) => told.warnings.push(`${message}: ${(error as Error).message}`),
    patience: { ...patience, ...options.patience },
  });
}

async function packDataset(folder: string, targetPath: string): Promise<void> {
  const { path } = await makeDataset(folder);
  await packFolder(path, targetPath);
}

/** Packs one folder as the dataset `pictures`. */
export async function packFolder(path: string, targetPath: string): Promise<void> {
  const dataloader = [{ id: "pictures", type: "local", instance_data_dir: path }];
  const onProgress = () => undefined;
  await datasetPackaging([]).pack({ dataloader, fingerprint: null, targetPath, signal: never, onProgress });
}

async function unpack(archivePath: string, targetDir: string, signal: AbortSignal): Promise<void> {
  await extractArchive({ archivePath, targetDir, signal, limits: { maxEntries: 1_000, maxBytes: 1e9 } });
}

const usualRequest: RunRequest = {
  jobId: "job-1",
  runToken: "token0000001",
  externalId: null,
  name: "A run",
  attempt: 1,
  config: {
    max_train_steps: 4,
    model_family: "flux",
    output_dir: "/data/team/out",
    data_backend_config: "/data/team/d.json",
  },
  dataloader: [],
  archivePath: null,
  upload: {
    endpointUrl: "https://train.example.org/api/cloud/storage",
    bucket: "outputs",
    accessKeyId: "STU1",
    secretAccessKey: uploadSecret,
    callbackUrl: "https://train.example.org/callback",
  },
  resume: false,
};

/** The code of a failure; of anything else a text that no test expects. */
export function codeOf(error: unknown): string {
  return error instanceof Failure ? error.code : `no failure: ${String(error)}`;
}
