import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Check } from "typebox/value";
import { BackupManifest, type BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** Names of the files of a backup. */
export const backupFiles = {
  manifest: "manifest.json",
  database: "jobs.db.gz",
  configs: "configs.zip",
  outputs: "outputs.jsonl.gz",
} as const;

const idPattern = /^\d{8}_\d{6}(_[A-Za-z0-9-]{1,40})?$/;

/** The id of a backup that is made now: the time in UTC, so that names sort by age, and what a person calls it. */
export function newBackupId(atMs: number, name: string | null): string {
  const stamp = new Date(atMs).toISOString().replaceAll(/[-:]/g, "").replace("T", "_").slice(0, 15);
  return name === null ? stamp : `${stamp}_${name}`;
}

/** The manifest of a backup; throws `backup_not_found` or `backup_damaged`. */
export async function readManifest(root: string, id: string): Promise<BackupManifest> {
  const text = idPattern.test(id)
    ? await readFile(join(root, id, backupFiles.manifest), "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
        throw error;
      })
    : null;
  if (text === null) throw fail("backup_not_found", { backup_id: id });
  const manifest = parsed(text);
  if (!Check(BackupManifest, manifest) || manifest.id !== id)
    throw fail("backup_damaged", { backup_id: id, problem: "its manifest.json cannot be read" });
  return manifest;
}

/** Ids of the complete backups in a folder, newest first. */
export async function backupIds(root: string): Promise<string[]> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => idPattern.test(name))
    .sort()
    .toReversed();
}

/** A backup as lists show it. */
export function backupInfo(root: string, manifest: BackupManifest, copiedTo: string | null): BackupInfo {
  const { id, name, description, created_at, created_by, components, files } = manifest;
  return {
    id,
    name,
    description,
    created_at,
    created_by,
    size_bytes: files.reduce((sum, file) => sum + file.size_bytes, 0),
    components,
    path: join(root, id),
    copied_to: copiedTo,
  };
}

/** Length and SHA-256 in hex of a file. */
export async function digestOf(path: string): Promise<{ size_bytes: number; sha256: string }> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path), digest);
  return { size_bytes: (await stat(path)).size, sha256: digest.digest("hex") };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
