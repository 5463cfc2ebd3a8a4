import type { BackupComponent, BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import { backupIds, backupInfo, readManifest } from "./backups/backup-folder.ts";
import { applyRestore, componentsToRestore, stageRestore } from "./backups/restore-backup.ts";
import { statePaths } from "./config/state-paths.ts";
import { credentialKeys } from "./credential-key.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import { restoreWarnings } from "./services/backups.ts";
import { lockState } from "./state-lock.ts";

/** Where a server that does not run keeps its state and its backups. */
export interface OfflinePlace {
  stateDir: string;
  /** Null: the folder `backups` of the state directory. */
  backupFolder: string | null;
  env: NodeJS.ProcessEnv;
}

/** The backups of a server that does not run, newest first. */
export async function listOffline({ stateDir, backupFolder }: OfflinePlace): Promise<BackupInfo[]> {
  const root = backupFolder ?? statePaths(stateDir).backups;
  const ids = await backupIds(root);
  return Promise.all(ids.map(async (id) => backupInfo(root, await readManifest(root, id), null)));
}

/**
 * Puts a backup in place of a server's state while it does not run; throws `StartError` when it does. Answers what was
 * put back and what to know.
 */
export async function restoreOffline(
  place: OfflinePlace,
  id: string,
  options: { components?: readonly BackupComponent[] | undefined; dryRun: boolean; atMs: number },
): Promise<{ components: BackupComponent[]; warnings: string[]; replaced: string | null }> {
  const paths = statePaths(place.stateDir);
  const root = place.backupFolder ?? paths.backups;
  const manifest = await readManifest(root, id);
  const components = componentsToRestore(manifest, options.components);
  const unlock = lockState(paths.lock);
  try {
    const { dryRun, atMs } = options;
    await stageRestore(`${root}/${id}`, manifest, { paths, components, dryRun, atMs });
    const applied = dryRun ? null : applyRestore(paths);
    const { holds } = secretBox(credentialKeys(paths.credentialKey, place.env));
    return {
      components,
      warnings: restoreWarnings(manifest, holds, components),
      replaced: applied?.replaced ?? null,
    };
  } finally {
    unlock();
  }
}
