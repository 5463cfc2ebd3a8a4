import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { databaseToBackUp } from "./backups/backed-up-database.ts";
import { readManifest } from "./backups/backup-folder.ts";
import { applyRestore, applyRestoreWith, type PendingRestore } from "./backups/restore-backup.ts";
import { writeBackup } from "./backups/write-backup.ts";
import type { DatabaseServerAddress } from "./config/database.ts";
import { packageVersion } from "./config/package-files.ts";
import type { StatePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { credentialKeys } from "./credential-key.ts";
import { copyDatabase } from "./db/care/copy-database.ts";
import { refuseInUse } from "./db/care/in-use.ts";
import { migrationState } from "./db/care/migration-state.ts";
import type { JobDatabase } from "./db/job-database.ts";
import { bringUpToDate, connectPatiently, openDatabase } from "./db/open-database.ts";
import { newestRestore } from "./db/stores/job-events.ts";
import { openStores } from "./db/stores/open-stores.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import { settleRestoredJobs } from "./services/restored-jobs.ts";

/** Where a state lies that a restore replaces. */
export interface RestorePlace {
  paths: StatePaths;
  /** Null: the SQLite file of the state directory. */
  database: DatabaseServerAddress | null;
  outbound: { caBundle: string | null };
  /** Folder of the backups; what a restore replaces on a database server becomes one of them. */
  backups: string;
  env: NodeJS.ProcessEnv;
  now: () => number;
  /** Told of each table that was written to a database server. */
  onTable: (name: string, rows: number) => void;
}

/** Who made the backup of what a restore replaced. */
export const keptByRestore = "restore";

/**
 * Puts a staged restore in place, if there is one, wherever the state lies; called while no server uses the state
 * directory. Killed at any moment it leaves the old state whole or the new one, or, in MySQL, a mark that keeps servers
 * away until this was called again. Throws {@link StartError} while others use the database, and when it was written by a
 * newer release.
 */
export async function putRestoreInPlace(place: RestorePlace): Promise<PendingRestore | null> {
  const { paths, database } = place;
  if (database === null) return applyRestore(paths);
  return applyRestoreWith(paths, (staged, pending, note) =>
    putIntoServer({ ...place, database }, staged, pending, note),
  );
}

/** Throws {@link StartError} where a restore could not be put into the database as it is now; changes nothing. */
export async function refuseUnfitTarget({
  database,
  outbound,
}: Pick<RestorePlace, "database" | "outbound">): Promise<void> {
  if (database === null) return;
  const target = await connectPatiently(database, outbound);
  try {
    await refuseNewer(target);
    await refuseInUse(target, target.engine.kind);
  } finally {
    await target.destroy();
  }
}

/** Whether a restore into the database was cut off, so that nothing else than a restore or a copy may use it. */
export async function isHalfRestored({
  database,
  outbound,
}: Pick<RestorePlace, "database" | "outbound">): Promise<boolean> {
  if (database === null) return false;
  const target = await connectPatiently(database, outbound);
  const { isUnfinishedCopy } = await migrationState(target, target.engine.kind).finally(() =>
    target.destroy(),
  );
  return isUnfinishedCopy;
}

type ServerPlace = RestorePlace & { database: DatabaseServerAddress };

async function putIntoServer(
  place: ServerPlace,
  staged: string,
  pending: PendingRestore,
  note: (kept: string) => void,
): Promise<void> {
  const { database, outbound, now, onTable } = place;
  const source = await openDatabase(staged, now);
  try {
    // A power cut may take the last of it, not its soundness; it is done again then.
    await sql`pragma synchronous = normal`.execute(source);
    const nobody = (): void => undefined;
    // Before it is in the database: whichever server finds it there may begin at once.
    await settleRestoredJobs({ ...openStores(source, now, nobody, nobody), now }, pending.backup_id);
    // None of those that used the original uses this one.
    await source.deleteFrom("servers").execute();
    const target = await connectPatiently(database, outbound);
    try {
      const { kind } = target.engine;
      const { applied, pending: lacking, isUnfinishedCopy } = await refuseNewer(target);
      await refuseInUse(target, kind);
      if (applied.length > 0 && lacking.length > 0 && !isUnfinishedCopy) await bringUpToDate(target, now);
      if (await isInPlace(source, target)) return;
      await copyDatabase({
        source,
        target,
        now,
        onTable,
        async replacing(db, holdsState) {
          await refuseInUse(db, kind);
          if (!holdsState) return;
          note(await keep(place, pending));
          await refuseInUse(db, kind);
        },
      });
    } finally {
      await target.destroy();
    }
  } finally {
    await source.destroy();
  }
}

async function refuseNewer(target: JobDatabase) {
  const state = await migrationState(target, target.engine.kind);
  if (state.unknown.length > 0)
    throw new StartError(
      `The database was written by a newer release (it holds ${state.unknown.join(", ")}), and nothing is put in its place. Use that release, or name an empty database in SIMPLETUNER_DATABASE_URL.`,
    );
  return state;
}

/** True when this very restore got to its end, and was cut off before that was noted. */
async function isInPlace(source: JobDatabase, target: JobDatabase): Promise<boolean> {
  const { applied, pending, isUnfinishedCopy } = await migrationState(target, target.engine.kind);
  if (applied.length === 0 || pending.length > 0 || isUnfinishedCopy) return false;
  const [here, there] = [await newestRestore(source), await newestRestore(target)];
  return here !== undefined && here.id === there?.id && here.data === there.data;
}

/** Makes a backup of what is replaced, and answers its id; one that an earlier attempt made of the same goes. */
async function keep(place: ServerPlace, { backup_id, components, kept }: PendingRestore): Promise<string> {
  const { paths, backups, env, now } = place;
  try {
    const made = await writeBackup(
      {
        root: backups,
        database: databaseToBackUp(place, paths),
        configs: paths.configs,
        outputs: async function* () {},
        keyFingerprint: secretBox(credentialKeys(paths.credentialKey, env)).keyId,
        version: packageVersion(),
      },
      {
        name: "before-restore",
        description: backup_id,
        by: keptByRestore,
        components,
        atMs: now(),
      },
    );
    if (kept !== undefined && existsSync(join(backups, kept)) && (await isOfRestore(backups, kept)))
      await rm(join(backups, kept), { recursive: true, force: true });
    return made.id;
  } catch (error) {
    throw new StartError(
      `What the database holds could not be kept first, so nothing was put in its place: ${(error as Error).message} See to that, or restore into an empty database that SIMPLETUNER_DATABASE_URL names.`,
      { cause: error },
    );
  }
}

async function isOfRestore(backups: string, id: string): Promise<boolean> {
  return (await readManifest(backups, id)).created_by === keptByRestore;
}
