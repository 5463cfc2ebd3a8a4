import { apiKeyEndpoints } from "./api-keys.ts";
import { artifactEndpoints } from "./artifacts.ts";
import { auditEndpoints } from "./audit.ts";
import { auditExportEndpoints } from "./audit-export.ts";
import { backupEndpoints } from "./backups.ts";
import { authEndpoints } from "./auth.ts";
import { circuitBreakerEndpoints } from "./circuit-breakers.ts";
import { configEndpoints } from "./configs.ts";
import { configVersionEndpoints } from "./config-versions.ts";
import { costEndpoints } from "./cost.ts";
import { dataConsentEndpoints } from "./data-consent.ts";
import { databaseEndpoints } from "./database.ts";
import { deliveryEndpoints } from "./deliveries.ts";
import { destinationEndpoints } from "./destinations.ts";
import { eventEndpoints } from "./events.ts";
import { hintEndpoints } from "./hints.ts";
import { jobEndpoints } from "./jobs.ts";
import { levelEndpoints } from "./levels.ts";
import { logEndpoints } from "./logs.ts";
import { metricEndpoints } from "./metrics.ts";
import { preSubmitEndpoints } from "./pre-submit.ts";
import { providerAccountEndpoints } from "./provider-account.ts";
import { providerSettingEndpoints } from "./provider-settings.ts";
import { providerEndpoints } from "./providers.ts";
import { publishingEndpoints } from "./publishing.ts";
import { queueEndpoints } from "./queue.ts";
import { rateLimitEndpoints } from "./rate-limits.ts";
import { resultEndpoints } from "./results.ts";
import { secretEndpoints } from "./secrets.ts";
import { storageKeyEndpoints } from "./storage-keys.ts";
import { storageSettingEndpoints } from "./storage-settings.ts";
import { systemEndpoints } from "./system.ts";
import { trainerEventEndpoints } from "./trainer-events.ts";
import { tunnelEndpoints } from "./tunnel.ts";
import { webhookEndpoints } from "./webhooks.ts";
import { userEndpoints } from "./users.ts";

/** Every endpoint of the product by resource. The storage endpoint speaks S3 and is described apart. */
export const api = {
  jobs: jobEndpoints,
  logs: logEndpoints,
  results: resultEndpoints,
  artifacts: artifactEndpoints,
  deliveries: deliveryEndpoints,
  destinations: destinationEndpoints,
  storageKeys: storageKeyEndpoints,
  storageSettings: storageSettingEndpoints,
  dataConsent: dataConsentEndpoints,
  configs: configEndpoints,
  configVersions: configVersionEndpoints,
  hints: hintEndpoints,
  queue: queueEndpoints,
  preSubmit: preSubmitEndpoints,
  providers: providerEndpoints,
  providerSettings: providerSettingEndpoints,
  providerAccount: providerAccountEndpoints,
  secrets: secretEndpoints,
  publishing: publishingEndpoints,
  tunnel: tunnelEndpoints,
  circuitBreakers: circuitBreakerEndpoints,
  rateLimits: rateLimitEndpoints,
  cost: costEndpoints,
  events: eventEndpoints,
  trainerEvents: trainerEventEndpoints,
  audit: auditEndpoints,
  auditExport: auditExportEndpoints,
  backups: backupEndpoints,
  database: databaseEndpoints,
  auth: authEndpoints,
  apiKeys: apiKeyEndpoints,
  levels: levelEndpoints,
  users: userEndpoints,
  webhooks: webhookEndpoints,
  monitoring: metricEndpoints,
  system: systemEndpoints,
} as const;

/** The table's type, for the typed client. */
export type Api = typeof api;
