import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { BackupComponent, BackupManifest } from "@simpletuner-cloud/contract/backups.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { sqliteAside } from "../db/care/sqlite-aside.ts";
import type { BackedUpDatabase } from "./backed-up-database.ts";
import { archiveConfigs } from "./config-archive.ts";
import { backupFiles, digestOf, newBackupId } from "./backup-folder.ts";

/** A stored output on a backup's list. */
export interface ListedOutput {
  key: string;
  size_bytes: number;
  etag: string;
}

/** What a backup is made of. */
export interface BackupSource {
  /** Folder of all backups. */
  root: string;
  database: BackedUpDatabase;
  configs: string;
  /** Every stored output, in the order of keys. */
  outputs: () => AsyncIterable<ListedOutput>;
  /** Of the key that seals secrets at that moment. */
  keyFingerprint: () => string;
  version: string;
}

/** What is asked of one backup. */
export interface BackupRequest {
  name: string | null;
  description: string | null;
  by: string;
  components: readonly BackupComponent[];
  atMs: number;
}

const partial = ".partial";
/** Fast: a database shrinks to a third with any level. */
const gzipLevel = { level: 1 };

/**
 * Makes a backup while everything runs: a folder that appears complete or not at all. The database copy is one moment's
 * state and is read through before it counts. Throws `disk_full` before writing when there is no room, and
 * `backup_failed`.
 */
export async function writeBackup(source: BackupSource, request: BackupRequest): Promise<BackupManifest> {
  await mkdir(source.root, { recursive: true, mode: 0o700 });
  await removeLeftovers(source.root);
  let id = newBackupId(request.atMs, request.name);
  // Two in one second, or a clock that went back.
  for (let later = 1; existsSync(join(source.root, id)); later++)
    id = newBackupId(request.atMs + later * 1_000, request.name);
  const folder = join(source.root, `${id}${partial}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    const manifest = await fill(folder, id, source, request);
    await rename(folder, join(source.root, id));
    await flush(source.root);
    return manifest;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** What a crash left of backups. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root))
    if (name.endsWith(partial)) await rm(join(root, name), { recursive: true, force: true });
}

async function fill(
  folder: string,
  id: string,
  source: BackupSource,
  request: BackupRequest,
): Promise<BackupManifest> {
  const has = (component: BackupComponent): boolean => request.components.includes(component);
  const files: string[] = [];
  let content: Pick<BackupManifest, "rows" | "migrations"> = { rows: {}, migrations: [] };
  if (has("database")) {
    content = await addDatabase(folder, source.database);
    files.push(backupFiles.database);
  }
  if (has("configs")) {
    await archiveConfigs(source.configs, join(folder, backupFiles.configs));
    files.push(backupFiles.configs);
  }
  const outputs = { objects: 0, size_bytes: 0 };
  if (has("outputs")) {
    const lines = Readable.from(outputLines(source.outputs(), outputs));
    await pipeline(
      lines,
      createGzip(gzipLevel),
      createWriteStream(join(folder, backupFiles.outputs), writing),
    );
    files.push(backupFiles.outputs);
  }
  const manifest: BackupManifest = {
    format: 1,
    id,
    name: request.name,
    description: request.description,
    created_at: new Date(request.atMs).toISOString(),
    created_by: request.by,
    version: source.version,
    components: [...request.components],
    files: await Promise.all(files.map(async (path) => ({ path, ...(await digestOf(join(folder, path))) }))),
    ...content,
    outputs,
    key_fingerprint: source.keyFingerprint(),
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await writeFile(join(folder, backupFiles.manifest), text, { mode: 0o600, flush: true });
  await flush(folder);
  return manifest;
}

const writing = { mode: 0o600, flush: true, flags: "wx" } as const;

async function addDatabase(folder: string, database: BackedUpDatabase) {
  const copy = join(folder, "jobs.db");
  await refuseWithoutRoom(folder, database);
  await database.copyTo(copy);
  const { damage, rows, migrations } = await sqliteAside("inspect", copy);
  if (damage !== null) throw fail("backup_failed", { reason: `the database is damaged (${damage})` });
  await pipeline(
    createReadStream(copy),
    createGzip(gzipLevel),
    createWriteStream(join(folder, backupFiles.database), writing),
  );
  await rm(copy);
  return { rows, migrations };
}

/** Room for the copy and its compressed form, so that a backup is not what fills the disk. */
async function refuseWithoutRoom(folder: string, database: BackedUpDatabase): Promise<void> {
  const size = await database.sizeBytes();
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < 2 * size)
    throw fail("disk_full", { path: folder, free: `${Math.floor((bavail * bsize) / 2 ** 20)} MiB` });
}

async function* outputLines(
  outputs: AsyncIterable<ListedOutput>,
  totals: { objects: number; size_bytes: number },
): AsyncGenerator<string> {
  for await (const output of outputs) {
    totals.objects++;
    totals.size_bytes += output.size_bytes;
    yield `${JSON.stringify(output)}\n`;
  }
}

/** Makes the names in a folder last. */
async function flush(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}
