import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { BackupManifest } from "@simpletuner-cloud/contract/backups.ts";
import { sqliteAside } from "../db/care/sqlite-aside.ts";
import { backupFiles, digestOf } from "./backup-folder.ts";
import type { ListedOutput } from "./write-backup.ts";

/** What is wrong with the files of a backup: lengths and checksums. Empty when nothing is. */
export async function fileProblems(folder: string, manifest: BackupManifest): Promise<string[]> {
  const problems: string[] = [];
  for (const { path, size_bytes, sha256 } of manifest.files) {
    const found = await digestOf(join(folder, path)).catch(() => null);
    if (found === null) problems.push(`${path} is missing`);
    else if (found.size_bytes !== size_bytes)
      problems.push(`${path} has ${found.size_bytes} bytes instead of ${size_bytes}`);
    else if (found.sha256 !== sha256) problems.push(`${path} has changed since it was written`);
  }
  return problems;
}

/**
 * Unpacks the database of a backup to `target`, which must not exist, and reads it through; answers what is wrong with
 * it. The file stays.
 */
export async function unpackDatabase(
  folder: string,
  manifest: BackupManifest,
  target: string,
): Promise<string[]> {
  await rm(target, { force: true });
  await pipeline(
    createReadStream(join(folder, backupFiles.database)),
    createGunzip(),
    createWriteStream(target, { mode: 0o600, flush: true, flags: "wx" }),
  );
  const { damage, rows, migrations } = await sqliteAside("inspect", target);
  if (damage !== null) return [`its database is damaged (${damage})`];
  const problems = Object.keys({ ...manifest.rows, ...rows })
    .filter((table) => rows[table] !== manifest.rows[table])
    .map(
      (table) =>
        `its table ${table} has ${rows[table] ?? "no"} rows instead of ${manifest.rows[table] ?? "none"}`,
    );
  if (migrations.join() !== manifest.migrations.join())
    problems.push("its database has another schema than it says");
  return problems;
}

/** Outputs on the backup's list that are not among `stored` (in the order of keys), or are others now. */
export async function missingOutputs(
  folder: string,
  manifest: BackupManifest,
  stored: AsyncIterable<ListedOutput>,
): Promise<number> {
  if (!manifest.components.includes("outputs")) return 0;
  const now = stored[Symbol.asyncIterator]();
  let current = await now.next();
  let missing = 0;
  // Lines that come before they are asked for would be lost.
  const lines = createInterface({
    input: createReadStream(join(folder, backupFiles.outputs)).pipe(createGunzip()),
  });
  for await (const line of lines) {
    const listed = JSON.parse(line) as ListedOutput;
    // Both are in the byte order of their keys.
    while (!current.done && Buffer.compare(Buffer.from(current.value.key), Buffer.from(listed.key)) < 0)
      current = await now.next();
    if (current.done || current.value.key !== listed.key || current.value.etag !== listed.etag) missing++;
  }
  return missing;
}
