import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BackupComponent, BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import { backupIds, backupInfo, readManifest } from "./backups/backup-folder.ts";
import {
  cancelRestore,
  componentsToRestore,
  type PendingRestore,
  pendingRestore,
  stageRestore,
} from "./backups/restore-backup.ts";
import { readConfig } from "./config.ts";
import { shownAddress } from "./config/database.ts";
import { statePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { credentialKeys } from "./credential-key.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import {
  isHalfRestored,
  putRestoreInPlace,
  refuseUnfitTarget,
  type RestorePlace,
} from "./restore-into-server.ts";
import { restoreWarnings } from "./services/backups.ts";
import { lockState } from "./state-lock.ts";

/** Where a server that does not run keeps its state and its backups. */
export interface OfflinePlace {
  stateDir: string;
  /** Null: the folder `backups` of the state directory. */
  backupFolder: string | null;
  /** Says also where the database lies. */
  env: NodeJS.ProcessEnv;
}

/** What of a backup is put back. */
export interface OfflineRestore {
  components?: readonly BackupComponent[] | undefined;
  dryRun: boolean;
  atMs: number;
  /** Told of each table that was written to a database server. */
  onTable?: (name: string, rows: number) => void;
}

/** What was put back, what to know, and where what it replaced is kept. */
export interface OfflineRestored {
  components: BackupComponent[];
  warnings: string[];
  /** Path or address, without the password, of the database that it went to. */
  location: string;
  /** A folder beside the SQLite file; null after a dry run, and where nothing went there. */
  replaced: string | null;
  /** A backup of what a database server held; null where it held nothing, and with SQLite. */
  kept: string | null;
}

/** The backups of a server that does not run, newest first. */
export async function listOffline({ stateDir, backupFolder }: OfflinePlace): Promise<BackupInfo[]> {
  const root = backupFolder ?? statePaths(stateDir).backups;
  const ids = await backupIds(root);
  return Promise.all(ids.map(async (id) => backupInfo(root, await readManifest(root, id), null)));
}

/**
 * Puts a backup in place of a server's state while it does not run; throws `StartError` when it does. Cut off, it is gone
 * on with by the same call or the next start of a server.
 */
export async function restoreOffline(
  place: OfflinePlace,
  id: string,
  options: OfflineRestore,
): Promise<OfflineRestored> {
  const { onTable = () => undefined, dryRun, atMs } = options;
  const target = targetOf(place, { onTable, now: () => atMs });
  const { paths, backups } = target;
  const manifest = await readManifest(backups, id);
  const components = componentsToRestore(manifest, options.components);
  const touchesDatabase = components.includes("database");
  const unlock = lockState(paths.lock);
  try {
    if (touchesDatabase) await refuseUnfitTarget(target);
    const earlier = pendingRestore(paths)?.kept ?? null;
    const wasHalf = touchesDatabase && (await isHalfRestored(target));
    await stageRestore(`${backups}/${id}`, manifest, { paths, components, dryRun, atMs });
    const applied = dryRun ? null : await putOrGiveUp(target);
    const { holds } = secretBox(credentialKeys(paths.credentialKey, place.env));
    return {
      components,
      warnings: restoreWarnings(manifest, holds, components),
      location: target.database === null ? paths.database : shownAddress(target.database),
      replaced:
        applied && existsSync(join(dirname(paths.database), applied.replaced)) ? applied.replaced : null,
      kept: applied?.kept ?? (wasHalf ? earlier : null),
    };
  } finally {
    unlock();
  }
}

/**
 * Gives up a restore that the next start would put in place; false when there was none. Throws `StartError` while a server
 * runs, and where the restore has begun.
 */
export async function cancelOffline(place: OfflinePlace): Promise<boolean> {
  const target = targetOf(place, { onTable: () => undefined, now: Date.now });
  const { paths } = target;
  const unlock = lockState(paths.lock);
  try {
    const pending = pendingRestore(paths);
    if (pending?.components.includes("database") && (await isHalfRestored(target)))
      throw new StartError(
        `The restore of ${pending.backup_id} has begun and cannot be given up. Start the server, which ends it, and restore ${pending.kept ?? "the backup that it made before"} then.`,
      );
    await cancelRestore(paths);
    return pending !== null;
  } finally {
    unlock();
  }
}

function targetOf(
  { stateDir, backupFolder, env }: OfflinePlace,
  told: Pick<RestorePlace, "onTable" | "now">,
): RestorePlace {
  const { database, outbound } = readConfig(env);
  const paths = statePaths(stateDir);
  return { paths, database, outbound, backups: backupFolder ?? paths.backups, env, ...told };
}

/** A person who reads that it did not work does not expect that the next start does it all the same. */
async function putOrGiveUp(target: RestorePlace): Promise<PendingRestore | null> {
  try {
    return await putRestoreInPlace(target);
  } catch (error) {
    if (await isHalfRestored(target).catch(() => true))
      throw new StartError(
        `The backup is not in place yet: ${(error as Error).message} Run the same command again to go on.`,
        { cause: error },
      );
    await cancelRestore(target.paths);
    throw error;
  }
}
