import {
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BackupComponent, BackupManifest } from "@simpletuner-cloud/contract/backups.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { migrationNames } from "../db/migrate.ts";
import { extractArchive } from "../packaging/extract-archive.ts";
import { backupFiles } from "./backup-folder.ts";
import { fileProblems, unpackDatabase } from "./check-backup.ts";

/** Which of the server's folders a restore works in. */
export type RestorePaths = Pick<StatePaths, "database" | "configs" | "restore">;

/** A restore that is staged: everything is checked and unpacked, nothing is in place. */
export interface PendingRestore {
  backup_id: string;
  components: readonly BackupComponent[];
  /** Name of the folder that takes the replaced files. */
  replaced: string;
  /** The backup that holds what is replaced on a database server, once that is made. */
  kept?: string;
  /** Jobs and event numbers were put in order before the database was put in place. */
  isSettled?: boolean;
}

/** What can be put back; the list of outputs only tells what there was. */
const restorable: readonly BackupComponent[] = ["database", "configs"];

const pendingFile = "pending.json";
const appliedFile = "applied.json";
const stagedDatabase = "jobs.db";
const stagedConfigs = "configs";
const sqliteFiles = ["", "-wal", "-shm"];

/** The components of a backup that a restore puts back: those asked for, or all that can be. */
export function componentsToRestore(
  manifest: BackupManifest,
  asked: readonly BackupComponent[] | undefined,
): BackupComponent[] {
  const wanted = (asked ?? manifest.components).filter((component) => restorable.includes(component));
  const absent = wanted.find((component) => !manifest.components.includes(component));
  if (absent !== undefined)
    throw fail("backup_damaged", { backup_id: manifest.id, problem: `it holds no ${absent}` });
  return wanted;
}

/**
 * Checks a backup and unpacks what is to be restored beside what is in use. Throws `backup_newer` and `backup_damaged`;
 * with `dryRun` nothing stays. A staged restore counts once {@link pendingRestore} answers it.
 */
export async function stageRestore(
  folder: string,
  manifest: BackupManifest,
  options: {
    paths: RestorePaths;
    components: readonly BackupComponent[];
    dryRun: boolean;
    atMs: number;
  },
): Promise<void> {
  const { restore } = options.paths;
  const unknown = manifest.migrations.filter((name) => !migrationNames.includes(name));
  if (unknown.length > 0) throw fail("backup_newer", { backup_id: manifest.id, unknown: unknown.join(", ") });
  await rm(restore, { recursive: true, force: true });
  await mkdir(restore, { recursive: true, mode: 0o700 });
  try {
    const problems = await fileProblems(folder, manifest);
    if (options.components.includes("database"))
      problems.push(
        ...(problems.length > 0 ? [] : await unpackDatabase(folder, manifest, join(restore, stagedDatabase))),
      );
    if (problems[0] !== undefined)
      throw fail("backup_damaged", { backup_id: manifest.id, problem: problems[0] });
    if (options.components.includes("configs"))
      await extractArchive({
        archivePath: join(folder, backupFiles.configs),
        targetDir: join(restore, stagedConfigs),
        limits: { maxEntries: 1_000_000, maxBytes: 2 ** 36 },
      });
    if (options.dryRun) return await rm(restore, { recursive: true, force: true });
    const pending: PendingRestore = {
      backup_id: manifest.id,
      components: options.components,
      replaced: `replaced-${new Date(options.atMs).toISOString().replaceAll(/[-:.]/g, "")}`,
    };
    writeWhole(join(restore, pendingFile), pending);
  } catch (error) {
    await rm(restore, { recursive: true, force: true });
    throw error;
  }
}

/** The restore that the next start puts in place; null when there is none. */
export function pendingRestore(paths: RestorePaths): PendingRestore | null {
  return readIfThere(join(paths.restore, pendingFile)) as PendingRestore | null;
}

/** Gives a staged restore up. */
export async function cancelRestore(paths: RestorePaths): Promise<void> {
  // The mark first: a half removed restore must not count.
  await rm(join(paths.restore, pendingFile), { force: true });
  await rm(paths.restore, { recursive: true, force: true });
}

/**
 * Puts a staged restore in place, if there is one; called before the database is opened, while nobody else uses the state
 * directory. Every step is a rename and may be repeated: a crash anywhere leaves either the old files or the new ones,
 * and the next start goes on. The replaced files are kept beside the database.
 */
export function applyRestore(paths: RestorePaths): PendingRestore | null {
  const pending = pendingRestore(paths);
  if (pending === null) return null;
  const kept = join(dirname(paths.database), pending.replaced);
  const staged = join(paths.restore, stagedDatabase);
  if (pending.components.includes("database") && existsSync(staged)) {
    mkdirSync(kept, { recursive: true, mode: 0o700 });
    // The database before its log: without it nobody takes the log for another's.
    for (const suffix of sqliteFiles)
      moveIfThere(`${paths.database}${suffix}`, join(kept, `jobs.db${suffix}`));
    renameSync(staged, paths.database);
    flush(dirname(paths.database));
  }
  if (pending.components.includes("configs") && existsSync(join(paths.restore, stagedConfigs)))
    putConfigs(paths, join(kept, stagedConfigs));
  if (pending.components.includes("database")) writeWhole(join(paths.restore, appliedFile), pending);
  rmSync(join(paths.restore, pendingFile), { force: true });
  return pending;
}

/**
 * As {@link applyRestore}, for a state that lies on a database server: `put` settles the staged database and puts it in its
 * place, whole or not at all, or so that doing it again completes it. It notes the backup that holds what it replaces.
 */
export async function applyRestoreWith(
  paths: RestorePaths,
  put: (staged: string, pending: PendingRestore, note: (kept: string) => void) => Promise<void>,
): Promise<PendingRestore | null> {
  const pending = pendingRestore(paths);
  if (pending === null) return null;
  const staged = join(paths.restore, stagedDatabase);
  if (pending.components.includes("database") && existsSync(staged)) {
    const note = (more: Partial<PendingRestore>): void =>
      writeWhole(join(paths.restore, pendingFile), Object.assign(pending, more));
    await put(staged, pending, (kept) => note({ kept }));
    note({ isSettled: true });
    for (const suffix of sqliteFiles) rmSync(`${staged}${suffix}`, { force: true });
    flush(paths.restore);
  }
  return applyRestore(paths);
}

/** A restore of the database that is in place and whose jobs are still to be settled; see services/restored-jobs.ts. */
export function appliedRestore(paths: RestorePaths): PendingRestore | null {
  return readIfThere(join(paths.restore, appliedFile)) as PendingRestore | null;
}

/** Forgets an applied restore, once its jobs are settled. */
export async function finishRestore(paths: RestorePaths): Promise<void> {
  await rm(paths.restore, { recursive: true, force: true });
}

/** What is there goes to `kept`, then what is staged takes its place; the server's own folder stays. */
function putConfigs({ configs, restore }: RestorePaths, kept: string): void {
  const staged = join(restore, stagedConfigs);
  const lists = join("cloud", "dataloaders");
  if (!existsSync(kept)) {
    // Complete under its name or not at all, so that a repeated start does not take what is new for what was there.
    const partial = `${kept}.partial`;
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(configs))
      if (name !== "cloud") moveIfThere(join(configs, name), join(partial, name));
    moveIfThere(join(configs, lists), join(partial, "dataloaders"));
    renameSync(partial, kept);
    flush(dirname(kept));
  }
  for (const name of readdirSync(staged))
    if (name !== "cloud") moveIfThere(join(staged, name), join(configs, name));
  moveIfThere(join(staged, lists), join(configs, lists));
  flush(configs);
  rmSync(staged, { recursive: true, force: true });
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  flush(dirname(path));
}

function readIfThere(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function flush(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
