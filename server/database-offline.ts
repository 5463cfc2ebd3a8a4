import { existsSync } from "node:fs";
import { readConfig } from "./config.ts";
import { shownAddress } from "./config/database.ts";
import { statePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { type DatabaseCare, serverCare, sqliteCare } from "./db/care/database-care.ts";
import { migrationNames } from "./db/migrate.ts";
import { connectDatabase, migrateDatabase } from "./db/open-database.ts";
import { lockState } from "./state-lock.ts";

/** Whose database is looked after without a server. */
export interface OfflineDatabaseOptions {
  stateDir: string;
  /** Where the database is, and what it trusts. */
  env: NodeJS.ProcessEnv;
}

/** The database of a server that does not run, or cannot start. */
export interface OfflineDatabase extends DatabaseCare {
  /** As people call it: `SQLite`, `PostgreSQL`. */
  readonly name: string;
  /** Its path, or its address without the password. */
  readonly location: string;
  /** Makes the migrations that are missing, also all of them, and answers their names; dry it makes none. */
  migrate(isDry: boolean): Promise<readonly string[]>;
}

/**
 * Runs `work` with the database of a state directory or of SIMPLETUNER_DATABASE_URL. What changes a SQLite file is refused
 * while a server uses it. Throws {@link StartError} with one sentence where it cannot be used.
 */
export async function withOfflineDatabase<Answer>(
  { stateDir, env }: OfflineDatabaseOptions,
  work: (database: OfflineDatabase) => Promise<Answer>,
): Promise<Answer> {
  const { database: address, outbound } = readConfig(env);
  if (address === null) return work(offlineFile(stateDir));
  const db = await connectDatabase(address, outbound);
  try {
    const care = serverCare(db);
    return await work({
      ...care,
      name: db.engine.name,
      location: shownAddress(address),
      migrate: async (isDry) =>
        isDry ? (await care.migrations()).pending : migrateDatabase(address, Date.now, outbound),
    });
  } finally {
    await db.destroy();
  }
}

function offlineFile(stateDir: string): OfflineDatabase {
  const { database: path, lock } = statePaths(stateDir);
  const care = sqliteCare(path);
  const there = <Answer>(work: () => Promise<Answer>) => {
    return async (): Promise<Answer> => {
      if (!existsSync(path))
        throw new StartError(`There is no database in ${stateDir}. Name the folder with --state-dir.`);
      return work();
    };
  };
  const alone = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
    const unlock = lockState(lock);
    return work().finally(unlock);
  };
  return {
    name: "SQLite",
    location: path,
    verify: there(care.verify),
    stats: there(care.stats),
    migrations: there(care.migrations),
    vacuum: there(() => alone(care.vacuum)),
    async migrate(isDry) {
      if (!isDry) return alone(() => migrateDatabase(path, Date.now));
      return existsSync(path) ? (await care.migrations()).pending : migrationNames;
    },
  };
}
