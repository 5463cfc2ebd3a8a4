import { configTurn } from "../services/config-files.ts";
import { runRefresher } from "../services/refresh-runs.ts";
import { jobSync } from "../services/job-sync.ts";
import { webhookService } from "../services/webhooks.ts";
import { auditService } from "../services/audit.ts";
import { auditExportService } from "../services/audit-export.ts";
import { backupService } from "../services/backups.ts";
import { gitRepository } from "../adapters/git/git-repository.ts";
import { configSnapshots } from "../services/config-snapshots.ts";
import { configVersionService, repositoryState } from "../services/config-versions.ts";
import type { DeliveryLoop } from "../background/deliver-results.ts";
import type { JobQueue } from "../background/start-queued-jobs.ts";
import { shownAddress } from "../config/database.ts";
import { serverCare, sqliteCare } from "../db/care/database-care.ts";
import { bringUpToDate } from "../db/open-database.ts";
import type { AllHandlers } from "../http/mount-api.ts";
import { artifactService } from "../services/artifacts.ts";
import { outsideHandlers } from "./outside-handlers.ts";
import { configService } from "../services/configs.ts";
import { costService } from "../services/cost.ts";
import { type DataConsentOptions, dataConsentService } from "../services/data-consent.ts";
import { type DatabaseServiceOptions, databaseService } from "../services/database.ts";
import { deliveryService } from "../services/deliveries.ts";
import { destinationService } from "../services/destinations.ts";
import { eventService } from "../services/events.ts";
import { hintService } from "../services/hints.ts";
import { accessibleJob } from "../services/job-access.ts";
import { retentionHandlers } from "../services/job-retention.ts";
import { jobService } from "../services/jobs.ts";
import { logService } from "../services/logs.ts";
import { modelCards } from "../services/model-cards.ts";
import { preSubmitService } from "../services/pre-submit.ts";
import { providerAccountService } from "../services/provider-account.ts";
import { providerConfigService } from "../services/provider-config.ts";
import { providerService } from "../services/providers.ts";
import { publications } from "../services/publications.ts";
import { queueService } from "../services/queue.ts";
import { rateLimitService } from "../services/rate-limits.ts";
import { resultService } from "../services/results.ts";
import { jobSubmitter } from "../services/submit-job.ts";
import { storageSettingService } from "../services/storage-settings.ts";
import { trainerEventService } from "../services/trainer-events.ts";
import { accountHandlers } from "./account-parts.ts";
import type { AppOptions } from "./app-options.ts";
import { databaseFacts, type Loops, monitoringHandlers } from "./monitoring-parts.ts";
import type { Parts } from "./open-parts.ts";
import { hubToken } from "./open-providers.ts";

/**
 * SQLite has one writer: while it vacuums, whoever writes waits, and the whole server with it. This much takes about a
 * second.
 */
const largestVacuumedBytes = 64 << 20;

/** Every use case, by resource as in the contract. */
export function composeHandlers(
  options: AppOptions,
  parts: Parts,
  queue: JobQueue,
  loops: Loops,
): AllHandlers {
  const { stores, providers } = parts;
  const shared = { ...parts, ...stores };
  const consent = dataConsentService({ ...shared, inputsOf: inputsOfJob(parts) });
  const repository = gitRepository(parts.paths.configs, options.env, (work) => parts.turns(configTurn, work));
  const submit = jobSubmitter({
    ...shared,
    takeConfigSnapshot: configSnapshots({ ...shared, repository }),
    keys: stores.idempotencyKeys,
    consent,
    wakeQueue: queue.wake,
  });
  const versions = { ...shared, repository, configsFolder: parts.paths.configs };
  return {
    jobs: jobService({ ...shared, submit, ...runControls(parts, queue) }),
    ...resultHandlers(parts, loops.deliveries),
    storageKeys: parts.storageKeys,
    storageSettings: storageSettingService(stores),
    dataConsent: consent,
    configs: configService(parts.files, parts.configAccess),
    configVersions: configVersionService(versions),
    preSubmit: preSubmitService({
      ...shared,
      repositoryState: () => repositoryState(versions),
      maxStreams: options.config.maxEventStreams,
    }),
    hints: hintService(stores),
    queue: queueHandlers(parts, queue),
    providers: providerService({ providers: providers.all }),
    providerSettings: providerConfigService({ ...shared, providers }),
    providerAccount: providerAccountService(shared),
    ...outsideHandlers(parts),
    rateLimits: rateLimitService(shared),
    cost: costService(shared),
    events: eventService({ ...shared, maxStreams: options.config.maxEventStreams }),
    trainerEvents: trainerEventService({ ...shared, uploadTokens: parts.tokens }),
    webhooks: webhooks(parts, queue),
    audit: auditService(shared),
    auditExport: auditExport(parts),
    backups: backupService(parts.backupOptions, parts.backups),
    database: databaseService(databaseOf(options, parts)),
    ...monitoringHandlers(options, parts, loops),
    ...accountHandlers(options, stores, parts),
  };
}

/** What looks after the database, wherever it lies. */
function databaseOf({ config, now }: AppOptions, parts: Parts): DatabaseServiceOptions {
  const { db, paths, stores } = parts;
  const address = config.database ?? { kind: "sqlite", path: paths.database };
  return {
    ...databaseFacts(parts),
    care: address.kind === "sqlite" ? sqliteCare(address.path) : serverCare(db),
    databaseLocation: shownAddress(address),
    vacuumLimitBytes: address.kind === "sqlite" ? largestVacuumedBytes : null,
    counts: stores.counts,
    migrate: () => bringUpToDate(db, now),
  };
}

function auditExport(parts: Parts): AllHandlers["auditExport"] {
  return auditExportService({
    ...parts,
    ...parts.stores,
    collector: parts.auditCollector,
    targetOf: parts.auditTargetOf,
    source: parts.auditSource,
    checkAddress: parts.outbound.checkAddress,
  });
}

function webhooks(parts: Parts, queue: JobQueue): AllHandlers["webhooks"] {
  const shared = { ...parts, ...parts.stores };
  return webhookService({
    ...shared,
    sync: jobSync({ ...shared, drive: queue.offer }),
    passOn: (run) => parts.replicas?.notes.tell({ heard: [run] }),
    guarded: parts.outbound.guarded({
      retries: 0,
      network: () => parts.providerSettings.network("replicate"),
    }),
    onError: (error) => parts.log.warn({ err: error }, "a refused delivery was not written down"),
  });
}

/** What jobs leave behind, and where it goes. */
function resultHandlers(
  parts: Parts,
  { wake: wakeDeliveries }: DeliveryLoop,
): Pick<AllHandlers, "logs" | "results" | "artifacts" | "deliveries" | "destinations"> {
  const shared = { ...parts, ...parts.stores };
  return {
    logs: logService(shared),
    results: resultService(shared),
    artifacts: artifactService(shared),
    deliveries: deliveryService({
      ...shared,
      publicationOf: publications({ ...shared, cards: modelCards(shared) }),
      wakeDeliveries,
    }),
    destinations: destinationService({
      ...shared,
      wakeDeliveries,
      hasHubToken: async () => (await hubToken(parts.secretChain)) !== null,
    }),
  };
}

/** The queue, and how long what has left it stays. */
function queueHandlers(parts: Parts, { wake: wakeQueue }: JobQueue): AllHandlers["queue"] {
  return {
    ...queueService({ ...parts, ...parts.stores, wakeQueue }),
    ...retentionHandlers({ ...parts.retentionOptions, retention: parts.jobRetention }),
  };
}

/** What jobs do to their runs. */
function runControls({ providers, replicas }: Parts, queue: JobQueue) {
  const refresh = runRefresher(providers);
  replicas?.onNote((note) => {
    if (note.refresh) void refresh().catch(() => undefined);
    for (const { provider, ...run } of note.heard ?? []) providers.find(provider).webhooks?.hear(run);
  });
  return {
    stopRun: queue.stopRun,
    forgetRun: providers.forgetEverywhere,
    // What others follow is looked at as well, and told by the stream once it is.
    refreshRuns: () => {
      replicas?.notes.tell({ refresh: true });
      return refresh();
    },
  };
}

/** The inputs of an earlier job, for whoever may see it. */
function inputsOfJob({ stores, snapshots }: Parts): DataConsentOptions["inputsOf"] {
  return async (jobId, caller) => {
    await accessibleJob(stores.jobs, caller, jobId, "view");
    return snapshots.inputs(jobId);
  };
}
