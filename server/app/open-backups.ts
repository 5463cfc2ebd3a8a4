import { openStorage } from "../adapters/storage/open-storage.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { databaseToBackUp } from "../backups/backed-up-database.ts";
import type { ListedOutput } from "../backups/write-backup.ts";
import { packageVersion } from "../config/package-files.ts";
import type { StatePaths } from "../config/state-paths.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { objectsBelow } from "../services/artifact-archive.ts";
import { backupCopies } from "../services/backup-copies.ts";
import type { BackupServiceOptions } from "../services/backups.ts";
import type { Turns } from "../services/turns.ts";
import type { AppOptions } from "./app-options.ts";

/** What backups are made of, and where they go. */
export async function openBackups(
  { config, now }: AppOptions,
  paths: StatePaths,
  parts: { stores: Stores; storage: ObjectStorage; secrets: SecretBox; turns: Turns },
): Promise<BackupServiceOptions> {
  const external = config.backupBucket;
  return {
    source: {
      root: config.backupFolder ?? paths.backups,
      database: databaseToBackUp(config, paths),
      configs: paths.configs,
      outputs: () => listedOutputs(parts.storage),
      keyFingerprint: parts.secrets.keyId,
      version: packageVersion(),
    },
    paths,
    holdsKey: parts.secrets.holds,
    copies:
      external &&
      backupCopies(
        await openStorage({ localRoot: paths.backups, keepFreeBytes: 0, external }),
        `s3://${[external.bucket, external.prefix].filter(Boolean).join("/")}`,
      ),
    settings: parts.stores.settings,
    serverEvents: parts.stores.serverEvents,
    turns: parts.turns,
    areMany: config.replicas.areMany,
    now,
  };
}

async function* listedOutputs(storage: ObjectStorage): AsyncGenerator<ListedOutput> {
  for await (const { key, sizeBytes, etag } of objectsBelow(storage, ""))
    yield { key, size_bytes: sizeBytes, etag };
}
