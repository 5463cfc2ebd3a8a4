import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import { openState } from "../adapters/state/registry.ts";
import { limitedStorage, type QuotaAccounts } from "../adapters/storage/limited-storage.ts";
import { type OpenStorage, openStorage } from "../adapters/storage/open-storage.ts";
import { packageRoot } from "../config/package-files.ts";
import { StartError } from "../config/values.ts";
import { statePaths, type StatePaths } from "../config/state-paths.ts";
import { credentialKeys, folderMark } from "../credential-key.ts";
import { openDatabase } from "../db/open-database.ts";
import type { CommittedChange } from "../db/stores/jobs.ts";
import { openStores, type Stores } from "../db/stores/open-stores.ts";
import { outputsBucket } from "../domain/run-files.ts";
import type { KeyRing } from "../domain/key-ring.ts";
import { type SecretBox, secretBox } from "../domain/sealed-secret.ts";
import { checkpointRetention } from "../services/checkpoint-retention.ts";
import { configAccess } from "../services/config-access.ts";
import { configFiles } from "../services/config-files.ts";
import { datasetPackaging } from "../services/dataset-packaging.ts";
import { fencedJobs, onlyServer } from "../services/job-ownership.ts";
import { jobPricing } from "../services/job-price.ts";
import { jobRetention, type JobRetentionOptions } from "../services/job-retention.ts";
import { type JobSnapshots, jobSnapshots } from "../services/job-snapshots.ts";
import { httpMeter } from "../services/http-meter.ts";
import { jobMeter } from "../services/job-meter.ts";
import { metricRegistry } from "../services/metric-registry.ts";
import { type LiveEvents, liveEvents } from "../services/live-events.ts";
import { machineClock } from "../services/machine-clock.ts";
import { receivedFiles } from "../services/received-files.ts";
import { runCosts } from "../services/run-costs.ts";
import { runReports } from "../services/run-reports.ts";
import { spendGuard } from "../services/spend-guard.ts";
import { storedJobs } from "../services/stored-jobs.ts";
import { storageKeyService } from "../services/storage-keys.ts";
import { storageQuotas } from "../services/storage-quotas.ts";
import { ownTurns, sharedTurns, type Turns } from "../services/turns.ts";
import { uploadIds } from "../services/upload-ids.ts";
import { uploadTokens } from "../services/upload-tokens.ts";
import { backupKeeper } from "../services/backups.ts";
import { openBackups } from "./open-backups.ts";
import { accountParts } from "./account-parts.ts";
import type { AppOptions } from "./app-options.ts";
import { auditParts } from "./audit-parts.ts";
import { deliveryParts } from "./open-deliveries.ts";
import { openLimits } from "./open-limits.ts";
import { openTraces } from "./open-traces.ts";
import { openOutside } from "./open-outside.ts";
import { takePlace } from "./open-place.ts";
import { openReplicas, type ReplicaOptions, type ReplicaParts, thisReplica } from "./open-replicas.ts";
import { openStaging } from "./open-staging.ts";

/** Opens what everything else stands on. */
export async function openParts(options: AppOptions, stopping: AbortSignal) {
  const { config, log, now } = options;
  const paths = await openStateDir(config.stateDir);
  const { keyRing, secrets } = openKeys(options, paths);
  // First, since a database that cannot be used is to be told before anything is made beside it.
  const database = await openJobDatabase(options, paths);
  const state = await sharedState(options, paths);
  const replicas = replicaSide(options, paths, { keyRing, state, stores: () => stores, stopping });
  const turns = replicas ? sharedTurns(replicas.leases) : ownTurns();
  const outputs = await openOutputs(options, paths, replicas && turns);
  const live = replicas?.live ?? liveEvents();
  const meters = { ...openMeters(live), traces: await openTraces(options) };
  const stores: Stores = openStores(database.db, now, meters.onCommitted, live.publishServerEvent);
  const ownership = replicas?.ownershipOf(stores.jobs) ?? onlyServer;
  const accounts = accountParts(options, stores, secrets);
  const storage = limitedStorage(outputs, quotasOf(outputs, stores, replicas));
  const snapshots = jobSnapshots(stores.jobs, secrets);
  const retention = checkpointRetention({ ...stores, snapshots, storage, log });
  const storageUrl = async (provider: string) => (await outside.providerSettings.of(provider)).storageUrl;
  const tokens = tokensOf(options, stores, secrets, storageUrl);
  const publicUrl = () => storageUrl("replicate");
  const staging = await openStaging(options, { paths, storage, tokens, publicUrl });
  const servers = () => replicas?.membership.living()?.length ?? 1;
  const outside = openOutside(options, paths, { stores, secrets, staging, state, servers });
  const limits = openLimits(options, { stores, state, providerSettings: outside.providerSettings });
  const backupOptions = await openBackups(options, paths, { stores, storage: outputs, secrets, turns });
  return {
    paths,
    ...database,
    log,
    now,
    secrets,
    keyRing,
    live,
    stores,
    ...meters,
    state,
    turns,
    replicas,
    ownership,
    storage,
    ...outside,
    ...auditParts(paths, options.env, { stores, secrets, ...outside }),
    backupOptions,
    backups: backupKeeper(backupOptions),
    ...configParts(paths, stores, turns),
    packaging: datasetPackaging([config.stateDir]),
    snapshots,
    retention,
    ...oldJobParts(options, paths, { stores, snapshots, providers: outside.providers }),
    tokens,
    storageKeys: storageKeyService({ ...options, ...stores, secrets, findCaller: accounts.findCaller }),
    uploads: uploadIds(state),
    received: receivedFiles({ jobs: stores.jobs, pruneCheckpoints: retention.prune, now, log }),
    reports: runReports({ ...stores, jobs: fencedJobs(stores.jobs, ownership), live, now }),
    ...costParts(stores, now),
    ...deliveryParts(options, stores, outside),
    ...accounts,
    ...limits,
  };
}

/** Upload credentials of jobs, and where trainers use them. */
function tokensOf(
  { baseUrl, config, now }: AppOptions,
  stores: Stores,
  secrets: SecretBox,
  storageUrl: (provider: string) => Promise<string | null>,
) {
  return uploadTokens({
    store: stores.uploadTokens,
    secrets,
    // What trains on this machine need not go through the internet to come home.
    baseUrl: async (provider) =>
      provider === "local" ? baseUrl() : ((await storageUrl(provider)) ?? baseUrl()),
    drainMs: config.uploadDrainMs,
    now,
  });
}

/** What is counted as it happens. */
function openMeters(live: Pick<LiveEvents, "publishChange">) {
  const metrics = metricRegistry();
  const meterJob = jobMeter(metrics);
  return {
    metrics,
    httpMeter: httpMeter(metrics),
    /** Hears of each change that this process has written. */
    onCommitted(change: CommittedChange): void {
      live.publishChange(change);
      meterJob(change);
    },
  };
}

/** What seals and opens secrets in the database. */
function openKeys({ env }: AppOptions, { credentialKey }: StatePaths) {
  const keyRing = credentialKeys(credentialKey, env);
  return { keyRing, secrets: secretBox(keyRing) };
}

/** Jobs, people and everything else that is kept for good, and this server's place there. */
async function openJobDatabase(options: AppOptions, paths: StatePaths) {
  const { config, log, now } = options;
  const db = await openDatabase(config.database ?? paths.database, now, {
    caBundle: config.outbound.caBundle,
    onError: (error) => log.warn({ err: error }, "a connection to the database broke"),
    onWait: (error) => log.warn({ err: error }, "waiting for the database"),
  });
  try {
    return { db, place: await takePlace(options, paths, db) };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** What replicas share for a while. */
function sharedState({ config, log, now }: AppOptions, { state }: StatePaths) {
  return openState({
    ...config.stateBackend,
    path: state,
    caBundle: config.outbound.caBundle,
    now,
    onError: (error) => log.error({ err: error }, "the state backend has trouble"),
  });
}

async function openStateDir(stateDir: string): Promise<StatePaths> {
  const paths = statePaths(stateDir);
  await mkdir(paths.jobs, { recursive: true, mode: 0o700 });
  return paths;
}

/** What makes this server one of several; null where it is the only one. */
function replicaSide(
  options: AppOptions,
  paths: StatePaths,
  parts: Omit<ReplicaOptions, "self" | "local"> & { keyRing: KeyRing },
): ReplicaParts | null {
  if (!options.config.replicas.areMany) return null;
  const self = thisReplica(
    parts.keyRing,
    folderMark(paths.folderMark),
    markOfBackups(options.config.backupFolder),
  );
  return openReplicas(options, { ...parts, self, local: liveEvents() });
}

/** Null: backups lie in the state directory, which has its own mark. */
function markOfBackups(folder: string | null): string | null {
  if (folder === null) return null;
  try {
    return folderMark(join(folder, ".folder.mark"));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `SIMPLETUNER_BACKUP_DIR: the folder ${folder} cannot be written (${(error as NodeJS.ErrnoException).code}). Give this user write permission, or choose another.`,
      { cause: error },
    );
  }
}

/** What archives jobs that ended long ago. */
function oldJobParts(
  { config, now }: AppOptions,
  { archive }: StatePaths,
  {
    stores,
    snapshots,
    providers,
  }: {
    stores: Stores;
    snapshots: JobSnapshots;
    providers: { forgetEverywhere(jobId: string): Promise<void> };
  },
) {
  const retentionOptions: JobRetentionOptions = {
    ...stores,
    snapshots,
    jobRetentionDays: config.jobRetentionDays,
    archiveFolder: archive,
    forgetRun: providers.forgetEverywhere,
    now,
  };
  return { retentionOptions, jobRetention: jobRetention(retentionOptions) };
}

/** Saved configurations and who may change them. */
function configParts({ configs, dataloaders }: StatePaths, { configOwners }: Stores, turns: Turns) {
  const builtIn = { folder: join(packageRoot(), "samples"), root: packageRoot() };
  return {
    files: configFiles({ configs, dataloaders, builtIn }, turns),
    configAccess: configAccess(configOwners),
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

/** What others store is noticed after so long. */
const countedMs = 2_000;

function quotasOf(
  storage: OpenStorage,
  { jobs, settings }: Stores,
  replicas: ReplicaParts | null,
): QuotaAccounts {
  return storageQuotas({
    storage,
    ...storedJobs({ jobs, storage, ...(replicas && { listedMs: countedMs }) }),
    ...(replicas && { measuredMs: countedMs }),
    limits: async () => ({
      jobBytes: await settings.get("storageQuotaJobBytes"),
      userBytes: await settings.get("storageQuotaUserBytes"),
    }),
  });
}

/** The storage with the bucket for outputs in it. */
async function openOutputs(
  { config }: AppOptions,
  paths: StatePaths,
  turns: Turns | null,
): Promise<OpenStorage> {
  const storage = await openStorage({
    localRoot: paths.outputs,
    keepFreeBytes: config.storageKeepFreeBytes,
    external: config.externalStorage,
    turns: turns ?? undefined,
  });
  try {
    await storage.createBucket(outputsBucket);
  } catch (error) {
    throw error instanceof Failure && config.externalStorage !== null ? new StartError(error.message) : error;
  }
  return storage;
}

/** See {@link openParts}. */
export type Parts = Awaited<ReturnType<typeof openParts>>;
