import type { DeliveryLoop } from "../background/deliver-results.ts";
import type { Loop } from "../background/loop.ts";
import { packageVersion } from "../config/package-files.ts";
import { pingDatabase } from "../db/ping-database.ts";
import type { AllHandlers } from "../http/mount-api.ts";
import { auditExportHealth } from "../services/audit-export-health.ts";
import { healthCheck } from "../services/health.ts";
import { collectMetrics } from "../services/metric-collectors.ts";
import { metricService } from "../services/metrics.ts";
import { outsideHealth, providersHealth } from "../services/outside-health.ts";
import { systemService } from "../services/system.ts";
import type { AppOptions } from "./app-options.ts";
import type { Parts } from "./open-parts.ts";

/** What is done again and again. */
export interface Loops {
  readonly deliveries: DeliveryLoop;
  /** What this server does now, by name; of several servers one does most of it. */
  underWay(): Readonly<Record<string, Loop>>;
}

/** The database, as whoever asks how it is needs it. */
export function databaseFacts({ db }: Pick<Parts, "db">) {
  return { pingDatabase: () => pingDatabase(db), databaseName: db.engine.name };
}

/** What tells how the server is: health and metrics, which look at the same things. */
export function monitoringHandlers(
  options: AppOptions,
  parts: Parts,
  loops: Loops,
): Pick<AllHandlers, "system" | "monitoring"> {
  const startedAt = performance.now();
  const { stores } = parts;
  const shared = {
    ...options.config,
    ...parts,
    ...stores,
    readiness: options.readiness,
    ...databaseFacts(parts),
    loops: () =>
      Object.fromEntries(Object.entries(loops.underWay()).map(([name, loop]) => [name, loop.view()])),
    version: packageVersion(),
    uptimeSeconds: () => (performance.now() - startedAt) / 1_000,
  };
  const health = healthCheck({
    ...shared,
    outside: async () =>
      [
        parts.limitAlarm.health(),
        ...(await Promise.all([outsideHealth(parts), auditExportHealth(stores)])),
      ].flat(),
    services: providersHealth(parts.providers.all),
  });
  collectMetrics(parts.metrics, { ...shared, health });
  return {
    system: systemService({
      ...shared,
      health,
      publicUrl: options.baseUrl,
      hasAccounts: parts.credentials.hasAccounts,
      displayName: async (userId) => (await stores.users.find(userId))?.display_name ?? null,
    }),
    monitoring: metricService({ ...shared, metrics: parts.metrics, baseUrl: options.baseUrl }),
  };
}
