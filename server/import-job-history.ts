import { readConfig } from "./config.ts";
import { statePaths } from "./config/state-paths.ts";
import { openDatabase } from "./db/open-database.ts";
import { openStores } from "./db/stores/open-stores.ts";
import { type HistoryReport, importJobHistory } from "./services/job-history.ts";

/** Takes a job history into the database of a state directory, whether its server runs or not. */
export async function importHistoryOffline(place: {
  stateDir: string;
  env: NodeJS.ProcessEnv;
  path: string;
  dryRun: boolean;
}): Promise<HistoryReport> {
  const { database, outbound } = readConfig(place.env);
  const db = await openDatabase(database ?? statePaths(place.stateDir).database, Date.now, outbound);
  const nobody = (): void => undefined;
  try {
    return await importJobHistory(openStores(db, Date.now, nobody, nobody), place.path, place);
  } finally {
    await db.destroy();
  }
}
