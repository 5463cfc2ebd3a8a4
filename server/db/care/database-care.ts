import { JobDatabase } from "../job-database.ts";
import { type DatabaseStats, databaseStats } from "./database-stats.ts";
import { migrationState, type MigrationState } from "./migration-state.ts";
import { sqliteAside } from "./sqlite-aside.ts";
import { vacuumDatabase, type Vacuumed } from "./vacuum-database.ts";
import { type DatabaseVerdict, verifyDatabase } from "./verify-database.ts";

/** Looking after a database, also while it is in use: nobody waits for any of it but who asks. */
export interface DatabaseCare {
  verify(): Promise<DatabaseVerdict>;
  stats(): Promise<DatabaseStats>;
  migrations(): Promise<MigrationState>;
  vacuum(): Promise<Vacuumed>;
}

/** Care for a SQLite file by its path, in a thread of its own. */
export function sqliteCare(path: string): DatabaseCare {
  return {
    verify: () => sqliteAside("verify", path),
    stats: () => sqliteAside("stats", path),
    migrations: () => sqliteAside("migrations", path),
    vacuum: () => sqliteAside("vacuum", path),
  };
}

/** Care for a database of a server, each time on a connection of its own that may take as long as it takes. */
export function serverCare({ engine }: JobDatabase): DatabaseCare {
  const apart = async <Answer>(work: (db: JobDatabase) => Promise<Answer>): Promise<Answer> => {
    const db = new JobDatabase(await engine.patient());
    return work(db).finally(() => db.destroy());
  };
  return {
    verify: () => apart((db) => verifyDatabase(db, engine.kind)),
    stats: () => apart((db) => databaseStats(db, engine.kind)),
    migrations: () => apart((db) => migrationState(db, engine.kind)),
    vacuum: () => apart((db) => vacuumDatabase(db, engine.kind, null)),
  };
}
