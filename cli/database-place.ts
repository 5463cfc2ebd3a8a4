import type { Command } from "commander";
import type {
  DatabaseMigrations,
  DatabaseStats,
  DatabaseVacuumed,
  DatabaseVerdict,
} from "@simpletuner-cloud/contract/database.ts";
import { serverOf } from "./command-options.ts";
import type { Io } from "./io.ts";
import { stateFolder } from "./server-process.ts";

/** What is told of a database's size, with and without a server. */
export type DatabaseFigures = Omit<DatabaseStats, "job_count" | "size_mb">;

/** A database to look after, through a server or by itself. */
export interface DatabasePlace {
  verify(): Promise<Pick<DatabaseVerdict, "problems" | "rows">>;
  stats(): Promise<DatabaseFigures>;
  vacuum(): Promise<Omit<DatabaseVacuumed, "duration_ms">>;
  migrations(): Promise<DatabaseMigrations>;
}

/** The database of the server that a command names. */
export function onlineDatabase(command: Command, io: Io): DatabasePlace {
  const { call } = serverOf(command, io);
  const params = { database: "state" } as const;
  return {
    verify: () => call("GET /api/database/verify/{database}", { params }),
    stats: () => call("GET /api/database/stats"),
    vacuum: () => call("POST /api/database/vacuum/{database}", { params }),
    migrations: () => call("GET /api/database/migrations", { query: {} }),
  };
}

/** The database of a state directory or of SIMPLETUNER_DATABASE_URL, without its server. */
export function offlineDatabase(
  stateDir: string | undefined,
  io: Io,
): DatabasePlace & { migrate(isDry: boolean): Promise<readonly string[]> } {
  /** Loaded here only, as the server is. */
  const opened = async () => {
    const { withOfflineDatabase } = await import("@simpletuner-cloud/server/database-offline.ts");
    const place = { stateDir: stateFolder(stateDir, io), env: io.env };
    return <Answer>(work: Parameters<typeof withOfflineDatabase<Answer>>[1]) =>
      withOfflineDatabase(place, work);
  };
  return {
    verify: async () =>
      (await opened())(async (database) => {
        const { problems, rows } = await database.verify();
        return { problems: [...problems], rows: { ...rows } };
      }),
    stats: async () =>
      (await opened())(async (database) => {
        const stats = await database.stats();
        return {
          engine: database.name,
          version: stats.version,
          location: database.location,
          size_bytes: stats.sizeBytes,
          reclaimable_bytes: stats.reclaimableBytes,
          connections: stats.connections,
          rows_are_exact: stats.rowsAreExact,
          tables: stats.tables.map(({ name, rows, sizeBytes }) => ({ name, rows, size_bytes: sizeBytes })),
        };
      }),
    vacuum: async () =>
      (await opened())(async (database) => {
        const { beforeBytes, afterBytes } = await database.vacuum();
        return { before_bytes: beforeBytes, after_bytes: afterBytes };
      }),
    migrations: async () =>
      (await opened())(async (database) => {
        const { applied, pending, unknown } = await database.migrations();
        return {
          applied: applied.map(({ name, atMs }) => ({ name, applied_at: new Date(atMs).toISOString() })),
          pending: [...pending],
          unknown: [...unknown],
        };
      }),
    migrate: async (isDry) => (await opened())((database) => database.migrate(isDry)),
  };
}
