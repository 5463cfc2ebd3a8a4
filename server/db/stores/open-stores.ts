import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";
import { accessStore } from "./access.ts";
import { auditEntryStore } from "./audit-entries.ts";
import { auditExportStore } from "./audit-exports.ts";
import { apiKeyStore } from "./api-keys.ts";
import { configOwnerStore } from "./config-owners.ts";
import { costDayStore } from "./cost-days.ts";
import { endedJobStore } from "./ended-jobs.ts";
import { externalRunStore } from "./external-runs.ts";
import { deliveryStore } from "./deliveries.ts";
import { destinationStore } from "./destinations.ts";
import { hintStore } from "./hints.ts";
import { idempotencyKeyStore } from "./idempotency-keys.ts";
import { jobChargeStore } from "./job-charges.ts";
import { jobCountStore } from "./job-counts.ts";
import { jobEventStore, type StoredEvent } from "./job-events.ts";
import { jobListStore, waitingJobStore } from "./job-list.ts";
import { jobLogStore } from "./job-logs.ts";
import { jobMetricStore } from "./job-metrics.ts";
import { type CommittedChange, jobStore } from "./jobs.ts";
import { keyHolderStore } from "./key-holders.ts";
import { leaderFenceStore } from "./leader-fence.ts";
import { levelStore } from "./levels.ts";
import { loginAttemptStore } from "./login-attempts.ts";
import { providerSettingStore } from "./provider-settings.ts";
import { serverEventStore } from "./server-events.ts";
import { sessionStore } from "./sessions.ts";
import { settingStore } from "./settings.ts";
import { spendLimitStore } from "./spend-limits.ts";
import { storageKeyStore } from "./storage-keys.ts";
import { uploadTokenStore } from "./upload-tokens.ts";
import { userRightsStore } from "./user-rights.ts";
import { userStore } from "./users.ts";

/** Every store over one database. */
export function openStores(
  db: Kysely<Database>,
  now: () => number,
  onCommitted: (change: CommittedChange) => void,
  onServerEvent: (event: StoredEvent) => void,
) {
  return {
    jobs: jobStore({ db, now, onCommitted }),
    list: jobListStore(db),
    waiting: waitingJobStore(db),
    counts: jobCountStore(db),
    events: jobEventStore(db),
    serverEvents: serverEventStore(db, now, onServerEvent),
    logs: jobLogStore(db),
    metrics: jobMetricStore(db),
    settings: settingStore(db, now, onServerEvent),
    uploadTokens: uploadTokenStore(db, now),
    storageKeys: storageKeyStore(db, now),
    idempotencyKeys: idempotencyKeyStore(db, now),
    endedJobs: endedJobStore(db),
    externalRuns: externalRunStore(db),
    charges: jobChargeStore(db),
    costDays: costDayStore(db),
    spendLimits: spendLimitStore(db, now, onServerEvent),
    storedProviderSettings: providerSettingStore(db, now, onServerEvent),
    auditEntries: auditEntryStore(db, now),
    auditExports: auditExportStore(db, now, onServerEvent),
    access: accessStore(db, now),
    users: userStore(db),
    rights: userRightsStore(db),
    levels: levelStore(db),
    sessions: sessionStore(db, now),
    apiKeys: apiKeyStore(db),
    loginAttempts: loginAttemptStore(db, now),
    configOwners: configOwnerStore(db),
    destinations: destinationStore(db, now, onServerEvent),
    deliveries: deliveryStore(db),
    keyHolders: keyHolderStore(db, now),
    leaderFence: leaderFenceStore(db),
    hints: hintStore(db, now),
  };
}

/** See {@link openStores}. */
export type Stores = ReturnType<typeof openStores>;
