import { readConfig } from "./config.ts";
import { statePaths } from "./config/state-paths.ts";
import { auditKey } from "./credential-key.ts";
import { refuseInUse } from "./db/care/in-use.ts";
import { connectDatabase, openDatabase } from "./db/open-database.ts";
import { openStores } from "./db/stores/open-stores.ts";
import { auditSealer } from "./domain/audit-chain.ts";
import { auditLog } from "./services/audit-log.ts";
import { settleRestoredJobs } from "./services/restored-jobs.ts";
import { lockState } from "./state-lock.ts";

/**
 * Does what a restored backup needs, for a database that was put back to an earlier moment by other means: jobs that may
 * have run since do not run again, no event number is given out twice, and runs of the original are not stopped. Answers
 * how many jobs were cancelled. Throws `StartError` while a server uses the database.
 */
export async function settleOffline({
  stateDir,
  env,
}: {
  stateDir: string;
  env: NodeJS.ProcessEnv;
}): Promise<{ cancelled: number }> {
  const { database, outbound } = readConfig(env);
  const paths = statePaths(stateDir);
  const unlock = lockState(paths.lock);
  try {
    if (database !== null) {
      const seen = await connectDatabase({ ...database, poolSize: 1 }, outbound);
      await refuseInUse(seen, seen.engine.kind).finally(() => seen.destroy());
    }
    const db = await openDatabase(database ?? paths.database, Date.now, outbound);
    try {
      const nobody = (): void => undefined;
      const stores = openStores(db, Date.now, nobody, nobody);
      const cancelled = async () => (await stores.counts.byStatus({}))["cancelled"] ?? 0;
      const before = await cancelled();
      await settleRestoredJobs({ ...stores, now: Date.now }, `settled ${new Date().toISOString()}`);
      const sealer = auditSealer(auditKey(paths.auditKey, env));
      await auditLog({ ...stores, sealer, headFile: paths.auditHead }).forgetHead();
      return { cancelled: (await cancelled()) - before };
    } finally {
      await db.destroy();
    }
  } finally {
    unlock();
  }
}
