import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { BackupManifest } from "@simpletuner-cloud/contract/backups.ts";
import type { ObjectStorage } from "../adapters/storage/storage.ts";
import { backupFiles } from "../backups/backup-folder.ts";

/** The name of the bucket for backups; an external storage keeps it below its own prefix. */
const bucket = "backups";

/**
 * Copies of backups in an external bucket. The manifest goes last, so a copy that has one is whole. `place` names the
 * bucket for people.
 */
export function backupCopies(storage: ObjectStorage, place: string) {
  return {
    place,
    async copy(folder: string, manifest: BackupManifest): Promise<void> {
      await storage.createBucket(bucket);
      const files = [...manifest.files.map(({ path }) => path), backupFiles.manifest];
      for (const file of files)
        await storage.putObject({
          bucket,
          key: `${manifest.id}/${file}`,
          body: createReadStream(join(folder, file)),
          headers: { contentType: "application/octet-stream" },
          userMetadata: {},
        });
    },
    /** Where the whole copy of a backup lies, or null. */
    async placeOf(id: string): Promise<string | null> {
      const found = await storage.headObject(bucket, `${id}/${backupFiles.manifest}`).catch(() => null);
      return found === null ? null : `${place}/${id}`;
    },
    async remove(id: string): Promise<void> {
      await storage.deletePrefix(bucket, `${id}/`);
    },
  };
}

/** See {@link backupCopies}. */
export type BackupCopies = ReturnType<typeof backupCopies>;
