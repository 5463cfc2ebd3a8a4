import { stat } from "node:fs/promises";
import type { DatabaseServerAddress } from "../config/database.ts";
import { databaseStats } from "../db/care/database-stats.ts";
import { copyServerAside } from "../db/care/sqlite-aside.ts";
import { connectDatabase } from "../db/open-database.ts";
import { copySqlite } from "../db/sqlite-copy.ts";

/** The database that backups hold, wherever it lies. */
export interface BackedUpDatabase {
  /** About so large a copy of it is, in bytes. */
  sizeBytes(): Promise<number>;
  /**
   * Writes its state at one moment to a SQLite file that does not exist, while it is in use and nobody waits for it. When
   * this fails, what is there is no database.
   */
  copyTo(path: string): Promise<void>;
}

/** The database of a server's configuration: one of a database server, or the file of the state directory. */
export function databaseToBackUp(
  config: { database: DatabaseServerAddress | null; outbound: { caBundle: string | null } },
  paths: { database: string },
): BackedUpDatabase {
  const { database: address, outbound } = config;
  if (address === null)
    return {
      sizeBytes: async () => (await stat(paths.database)).size,
      copyTo: (path) => copySqlite(paths.database, path),
    };
  return {
    async sizeBytes() {
      const db = await connectDatabase({ ...address, poolSize: 1 }, outbound);
      const { sizeBytes } = await databaseStats(db, db.engine.kind).finally(() => db.destroy());
      return sizeBytes;
    },
    copyTo: (path) => copyServerAside({ address, caBundle: outbound.caBundle }, path),
  };
}
