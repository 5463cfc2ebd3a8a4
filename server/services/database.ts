import type { databaseEndpoints } from "@simpletuner-cloud/contract/database.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DatabaseCare } from "../db/care/database-care.ts";
import type { JobCountStore } from "../db/stores/job-counts.ts";
import type { Handlers } from "./handler.ts";

/** What looking after the database needs. */
export interface DatabaseServiceOptions {
  care: DatabaseCare;
  /** As people call it: `SQLite`, `PostgreSQL`. */
  databaseName: string;
  /** Its path, or its address without the password. */
  databaseLocation: string;
  /** Above this size in bytes it is not vacuumed while the server runs; null: at any size. */
  vacuumLimitBytes: number | null;
  counts: Pick<JobCountStore, "byStatus">;
  pingDatabase: () => Promise<void>;
  /** Makes the migrations that are missing and answers their names. */
  migrate: () => Promise<string[]>;
}

/** Looks after the database: health, check, size, migrations, vacuum. */
export function databaseService(options: DatabaseServiceOptions): Handlers<typeof databaseEndpoints> {
  const { care, databaseName: engine, databaseLocation: location } = options;
  return {
    async databaseHealth() {
      const startedAt = performance.now();
      await options.pingDatabase();
      const latency_ms = Math.round((performance.now() - startedAt) * 100) / 100;
      const { pending } = await care.migrations();
      return {
        status: pending.length === 0 ? "healthy" : "degraded",
        engine,
        location,
        latency_ms,
        pending_migrations: [...pending],
      };
    },
    async verifyDatabase() {
      const startedAt = performance.now();
      const { problems, rows } = await care.verify();
      return {
        valid: problems.length === 0,
        problems: [...problems],
        rows: { ...rows },
        duration_ms: Math.round(performance.now() - startedAt),
      };
    },
    databaseStats: () => statsOf(options),
    async listMigrations() {
      const { applied, pending, unknown } = await care.migrations();
      return {
        applied: applied.map(({ name, atMs }) => ({ name, applied_at: new Date(atMs).toISOString() })),
        pending: [...pending],
        unknown: [...unknown],
      };
    },
    async runMigrations({ query }) {
      const isDry = query.dry_run ?? false;
      const names = isDry ? (await care.migrations()).pending : await options.migrate();
      return { dry_run: isDry, migrations: [...names] };
    },
    vacuumDatabase: vacuumOf(options),
  };
}

type DatabaseHandlers = Handlers<typeof databaseEndpoints>;

function vacuumOf({ care, vacuumLimitBytes }: DatabaseServiceOptions): DatabaseHandlers["vacuumDatabase"] {
  let isRunning = false;
  return async () => {
    if (isRunning) throw fail("database_work_running");
    isRunning = true;
    try {
      const startedAt = performance.now();
      if (vacuumLimitBytes !== null) {
        const { sizeBytes } = await care.stats();
        if (sizeBytes > vacuumLimitBytes)
          throw fail("database_too_large", { size: `${Math.ceil(sizeBytes / 2 ** 20)} MiB` });
      }
      const { beforeBytes, afterBytes } = await care.vacuum();
      return {
        before_bytes: beforeBytes,
        after_bytes: afterBytes,
        duration_ms: Math.round(performance.now() - startedAt),
      };
    } finally {
      isRunning = false;
    }
  };
}

async function statsOf({ care, databaseName, databaseLocation, counts }: DatabaseServiceOptions) {
  const stats = await care.stats();
  const jobs = Object.values(await counts.byStatus({}));
  return {
    engine: databaseName,
    version: stats.version,
    location: databaseLocation,
    size_bytes: stats.sizeBytes,
    size_mb: Math.round((stats.sizeBytes / 2 ** 20) * 100) / 100,
    reclaimable_bytes: stats.reclaimableBytes,
    connections: stats.connections,
    job_count: jobs.reduce((sum, count) => sum + count, 0),
    rows_are_exact: stats.rowsAreExact,
    tables: stats.tables.map(({ name, rows, sizeBytes }) => ({ name, rows, size_bytes: sizeBytes })),
  };
}
