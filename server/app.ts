import { mkdir } from "node:fs/promises";
import type { RequestListener, Server } from "node:http";
import { join } from "node:path";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "pino";
import { fail, Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { OutboundService } from "./adapters/outbound/outbound-http.ts";
import { outboundHttp } from "./adapters/outbound/undici/outbound-http.ts";
import { localProvider } from "./adapters/providers/local/local-provider.ts";
import { trainerFinder } from "./adapters/providers/local/trainer-command.ts";
import { providerRegistry } from "./adapters/providers/registry.ts";
import { replicateProvider } from "./adapters/providers/replicate/replicate-provider.ts";
import { limitedStorage, type QuotaAccounts } from "./adapters/storage/limited-storage.ts";
import { type OpenStorage, openStorage } from "./adapters/storage/open-storage.ts";
import { runDriver } from "./background/drive-run.ts";
import { followCosts } from "./background/follow-costs.ts";
import { rescueJobs } from "./background/rescue-jobs.ts";
import { type JobQueue, jobQueue } from "./background/start-queued-jobs.ts";
import { sweepStorageHourly } from "./background/sweep-storage.ts";
import {
  packageRoot,
  packageVersion,
  type ServerConfig,
  StartError,
  statePaths,
  type StatePaths,
} from "./config.ts";
import { credentialKey } from "./credential-key.ts";
import { openDatabase } from "./db/open-database.ts";
import { pingDatabase } from "./db/ping-database.ts";
import { openStores, type Stores } from "./db/stores/open-stores.ts";
import { outputsBucket } from "./domain/run-files.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import type { Authenticate } from "./http/authenticate.ts";
import { errorAnswer } from "./http/errors.ts";
import { type AllHandlers, jsonResponse, mountApi, type NodeApp } from "./http/mount-api.ts";
import { currentCorrelationId } from "./http/request-scope.ts";
import { mountWeb } from "./http/static-web.ts";
import { mountStorage } from "./http/storage-mount.ts";
import { extractArchive } from "./packaging/extract-archive.ts";
import { readArchivedDataloader } from "./packaging/read-archived-dataloader.ts";
import { artifactService } from "./services/artifacts.ts";
import { checkpointRetention } from "./services/checkpoint-retention.ts";
import { configFiles } from "./services/config-files.ts";
import { configService } from "./services/configs.ts";
import { costService } from "./services/cost.ts";
import { dataConsentService } from "./services/data-consent.ts";
import { datasetPackaging } from "./services/dataset-packaging.ts";
import { outputDeliverer } from "./services/deliver-outputs.ts";
import { eventService } from "./services/events.ts";
import { accessibleJob } from "./services/job-access.ts";
import { jobPricing } from "./services/job-price.ts";
import { jobSnapshots } from "./services/job-snapshots.ts";
import { jobService } from "./services/jobs.ts";
import { liveEvents } from "./services/live-events.ts";
import { logService } from "./services/logs.ts";
import { machineClock } from "./services/machine-clock.ts";
import { providerService } from "./services/providers.ts";
import { queueService } from "./services/queue.ts";
import { receivedFiles } from "./services/received-files.ts";
import { resultService } from "./services/results.ts";
import { runCosts } from "./services/run-costs.ts";
import { runReports } from "./services/run-reports.ts";
import { spendGuard } from "./services/spend-guard.ts";
import { storageAccess } from "./services/storage-access.ts";
import { storedJobs } from "./services/stored-jobs.ts";
import { jobSubmitter } from "./services/submit-job.ts";
import { storageKeyService } from "./services/storage-keys.ts";
import { storageQuotas } from "./services/storage-quotas.ts";
import { storageSettingService } from "./services/storage-settings.ts";
import { systemService } from "./services/system.ts";
import { trainerEventService } from "./services/trainer-events.ts";
import { uploadTokens } from "./services/upload-tokens.ts";

/** What an application is made of beside its configuration. */
export interface AppOptions {
  config: ServerConfig;
  env: NodeJS.ProcessEnv;
  log: Logger;
  accessToken: string;
  authenticate: Authenticate;
  /** A user as of now, by id; null when there is none. */
  findCaller: (userId: string) => Promise<Caller | null>;
  /** This server's address, known once it listens. */
  baseUrl: () => string;
  now: () => number;
  checkAnswers: boolean;
}

/** A composed application. */
export interface App {
  /** Answers the requests of a server. */
  attach(server: Server): void;
  stores: Stores;
  /** Takes up what was under way and starts the queue. */
  start(): Promise<{ rescued: number }>;
  /** Ends streams and loops; runs go on. */
  stop(): Promise<void>;
  /** Closes the database, once stopped and with no request left to answer. */
  dispose(): Promise<void>;
}

/** Builds every concrete thing and puts them together; the only file that knows them all. */
export async function createApp(options: AppOptions): Promise<App> {
  const stopping = new AbortController();
  const parts = await openParts(options);
  const { stores, storage, tokens, received, paths, db } = parts;
  const queue = jobQueue({
    ...parts,
    ...stores,
    driveRun: runDriver({
      ...parts,
      ...stores,
      packagesFolder: paths.packages,
      uploadTokens: tokens,
      deliver: outputDeliverer({ storage, retention: parts.retention, onStored: parts.received.onStored }),
    }),
    stopping: stopping.signal,
  });
  const costs = followCosts({ ...parts, stopRun: queue.stopRun, stopping: stopping.signal });
  const sweeps = sweepStorageHourly({ ...parts, stopping: stopping.signal });
  const web = webListener(options, composeHandlers(options, parts, queue, stopping.signal), stopping.signal);
  return {
    attach: (server) =>
      mountStorage(server, web, {
        ...parts,
        access: storageAccess(stores.jobs),
        received,
        authenticate: options.authenticate,
      }),
    stores,
    async start() {
      const rescued = await rescueJobs({
        ...parts,
        ...stores,
        queue,
        uploadDrainMs: options.config.uploadDrainMs,
      });
      // What ran on while the server was down has to be counted, and perhaps stopped, before anything else starts.
      await costs.runOnce();
      return rescued;
    },
    async stop() {
      stopping.abort();
      await queue.settled();
      await costs.settled();
      await sweeps.settled();
    },
    async dispose() {
      await parts.outbound.close();
      await db.destroy();
      storage.close?.();
    },
  };
}

/** Opens what everything else stands on. */
async function openParts(options: AppOptions) {
  const { config, log, now } = options;
  const paths = statePaths(config.stateDir);
  await mkdir(paths.jobs, { recursive: true, mode: 0o700 });
  const secrets = secretBox(credentialKey(paths.credentialKey, options.env));
  const live = liveEvents();
  const outputs = await openOutputs(options, paths);
  const db = await openDatabase(paths.database, now);
  const stores = openStores(db, now, live.publishChange, live.publishServerEvent);
  const storage = limitedStorage(outputs, quotasOf(outputs, stores));
  const snapshots = jobSnapshots(stores.jobs, secrets);
  const retention = checkpointRetention({ ...stores, snapshots, storage, log });
  const outbound = outboundHttp(config.outbound);
  const providers = providerRegistry([local(options, paths), replicate(options, paths, outbound.service())]);
  return {
    paths,
    db,
    log,
    now,
    secrets,
    live,
    stores,
    storage,
    outbound,
    providers,
    findProvider: providers.find,
    files: configFiles({
      configs: paths.configs,
      dataloaders: paths.dataloaders,
      builtIn: { folder: join(packageRoot(), "samples"), root: packageRoot() },
    }),
    packaging: datasetPackaging([config.stateDir]),
    snapshots,
    retention,
    tokens: uploadTokens({
      store: stores.uploadTokens,
      secrets,
      baseUrl: options.baseUrl,
      drainMs: config.uploadDrainMs,
      now,
    }),
    storageKeys: storageKeyService({
      ...stores,
      secrets,
      now,
      baseUrl: options.baseUrl,
      findCaller: options.findCaller,
    }),
    received: receivedFiles({ jobs: stores.jobs, pruneCheckpoints: retention.prune, now, log }),
    reports: runReports({ ...stores, live, now }),
    ...costParts(stores, now),
  };
}

/** What counts and limits what jobs cost. */
function costParts(stores: Stores, now: () => number) {
  const guard = spendGuard({ ...stores, now });
  return {
    spendGuard: guard,
    price: jobPricing(stores),
    costs: runCosts({ ...stores, spendGuard: guard, readClock: machineClock(now) }),
  };
}

function quotasOf(storage: OpenStorage, { jobs, settings }: Stores): QuotaAccounts {
  return storageQuotas({
    storage,
    ...storedJobs({ jobs, storage }),
    limits: async () => ({
      jobBytes: await settings.get("storageQuotaJobBytes"),
      userBytes: await settings.get("storageQuotaUserBytes"),
    }),
  });
}

/** The storage with the bucket for outputs in it. */
async function openOutputs({ config }: AppOptions, paths: StatePaths): Promise<OpenStorage> {
  const storage = await openStorage({
    localRoot: paths.outputs,
    keepFreeBytes: config.storageKeepFreeBytes,
    external: config.externalStorage,
  });
  try {
    await storage.createBucket(outputsBucket);
  } catch (error) {
    throw error instanceof Failure && config.externalStorage !== null ? new StartError(error.message) : error;
  }
  return storage;
}

type Parts = Awaited<ReturnType<typeof openParts>>;

function composeHandlers(
  options: AppOptions,
  parts: Parts,
  queue: JobQueue,
  stopping: AbortSignal,
): AllHandlers {
  const { stores, snapshots, providers } = parts;
  const shared = { ...parts, ...stores };
  const consent = dataConsentService({
    ...shared,
    inputsOf: async (jobId, caller) => {
      await accessibleJob(stores.jobs, caller, jobId, "view");
      return snapshots.inputs(jobId);
    },
  });
  const submit = jobSubmitter({ ...shared, keys: stores.idempotencyKeys, consent, wakeQueue: queue.wake });
  return {
    jobs: jobService({ ...shared, submit, stopRun: queue.stopRun, forgetRun: providers.forgetEverywhere }),
    logs: logService(shared),
    results: resultService(shared),
    artifacts: artifactService(shared),
    storageKeys: parts.storageKeys,
    storageSettings: storageSettingService(stores),
    dataConsent: consent,
    configs: configService(parts.files),
    queue: queueService({ ...shared, wakeQueue: queue.wake }),
    providers: providerService({ providers: providers.all }),
    cost: costService(shared),
    events: eventService({ ...shared, maxStreams: options.config.maxEventStreams }),
    trainerEvents: trainerEventService({ ...shared, uploadTokens: parts.tokens }),
    system: systemService({
      ...parts,
      pingDatabase: () => pingDatabase(parts.db),
      version: packageVersion(),
      publicUrl: options.baseUrl,
      stateDir: options.config.stateDir,
      stopping,
    }),
  };
}

function local({ config, env }: AppOptions, paths: StatePaths) {
  return localProvider({
    jobsFolder: paths.jobs,
    cancelGraceMs: config.cancelGraceMs,
    env,
    findTrainer: trainerFinder({ trainerCommand: config.trainerCommand, packageRoot: packageRoot() }),
    unpack,
  });
}

function replicate({ config, env, log }: AppOptions, paths: StatePaths, http: OutboundService) {
  return replicateProvider({
    ...config.replicate,
    http,
    jobsFolder: paths.jobs,
    reachable: config.publicUrl !== null,
    env,
    readDataloader: readArchivedDataloader,
    unpack,
    warn: (error, message) => log.warn({ err: error }, message),
  });
}

async function unpack(archivePath: string, folder: string, signal: AbortSignal): Promise<void> {
  // Archives are this server's own or its trainers' work; the limits only stop a damaged one from filling the disk.
  await extractArchive({
    archivePath,
    targetDir: folder,
    signal,
    limits: { maxEntries: 20_000_000, maxBytes: 2 ** 46 },
  });
}

function webListener(options: AppOptions, handlers: AllHandlers, stopping: AbortSignal): RequestListener {
  const app: NodeApp = new Hono<{ Bindings: HttpBindings }>();
  mountApi(app, {
    handlers,
    authenticate: options.authenticate,
    log: options.log,
    stopping,
    checkAnswers: options.checkAnswers,
  });
  app.all("/api/*", (context) => {
    const { status, body } = errorAnswer(
      fail("not_found", { path: context.req.path }),
      currentCorrelationId(),
      options.log,
    );
    return jsonResponse(JSON.stringify(body), status);
  });
  mountWeb(app, {
    folder: join(packageRoot(), "dist", "web"),
    version: packageVersion(),
    accessToken: options.accessToken,
  });
  return getRequestListener(app.fetch, { overrideGlobalObjects: false });
}
