import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  backupComponents,
  type BackupComponent,
  type BackupInfo,
  type backupEndpoints,
  type BackupManifest,
} from "@simpletuner-cloud/contract/backups.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { backupIds, backupInfo, readManifest } from "../backups/backup-folder.ts";
import { fileProblems, missingOutputs, unpackDatabase } from "../backups/check-backup.ts";
import {
  cancelRestore,
  componentsToRestore,
  pendingRestore,
  type RestorePaths,
  stageRestore,
} from "../backups/restore-backup.ts";
import { type BackupSource, writeBackup } from "../backups/write-backup.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { BackupCopies } from "./backup-copies.ts";
import { folderProblem, folderTrouble } from "./folder-trouble.ts";
import type { Handlers } from "./handler.ts";
import type { Turns } from "./turns.ts";

/** What backups need. */
export interface BackupServiceOptions {
  source: BackupSource;
  paths: RestorePaths;
  /** Whether what a key sealed can be opened here. */
  holdsKey: (fingerprint: string) => boolean;
  /** Where each backup is copied to; null keeps them here only. */
  copies: BackupCopies | null;
  settings: SettingStore;
  serverEvents: ServerEventStore;
  turns: Turns;
  /** Several servers share the state. */
  areMany: boolean;
  now: () => number;
}

/** What a backup is asked for. */
export interface BackupWish {
  name?: string | undefined;
  description?: string | undefined;
  components?: readonly BackupComponent[] | undefined;
}

/** Who made a backup that nobody asked for. */
export const scheduled = "schedule";

/** Makes, lists and removes backups; the use cases and the schedule work through it. */
export function backupKeeper(options: BackupServiceOptions) {
  const { source, copies, serverEvents, now } = options;
  const infoOf = async (manifest: BackupManifest): Promise<BackupInfo> =>
    backupInfo(source.root, manifest, (await copies?.placeOf(manifest.id)) ?? null);
  const make = async (wish: BackupWish, by: string): Promise<BackupInfo> => {
    try {
      const manifest = await writeBackup(source, {
        name: wish.name ?? null,
        description: wish.description ?? null,
        by,
        components: wish.components ?? backupComponents,
        atMs: now(),
      });
      await copies?.copy(join(source.root, manifest.id), manifest);
      const info = await infoOf(manifest);
      await serverEvents.append("backup.created", { backup_id: info.id, by, bytes: info.size_bytes });
      return info;
    } catch (error) {
      const failure = asFailure(error, source);
      await serverEvents.append("backup.failed", { by, reason: failure.message });
      throw failure;
    }
  };
  return {
    /** Makes a backup and copies it; one at a time, on whichever server. */
    make(wish: BackupWish, by: string): Promise<BackupInfo> {
      return options.turns(
        "backup",
        () => make(wish, by),
        () => fail("backup_running"),
      );
    },
    /** All backups, newest first; one that cannot be read is left out. */
    async list(): Promise<BackupInfo[]> {
      const infos: BackupInfo[] = [];
      const ids = await backupIds(source.root).catch((error: unknown) => {
        throw folderTrouble(error, { path: source.root, setting: "SIMPLETUNER_BACKUP_DIR" });
      });
      for (const id of ids) {
        const manifest = await readManifest(source.root, id).catch((error: unknown) => {
          if (error instanceof Failure) return null;
          throw error;
        });
        if (manifest) infos.push(await infoOf(manifest));
      }
      return infos;
    },
    infoOf,
    async remove(id: string, by: string): Promise<void> {
      if (!(await backupIds(source.root)).includes(id)) throw fail("backup_not_found", { backup_id: id });
      await copies?.remove(id);
      await rm(join(source.root, id), { recursive: true, force: true });
      await serverEvents.append("backup.deleted", { backup_id: id, by });
    },
  };
}

/** See {@link backupKeeper}. */
export type BackupKeeper = ReturnType<typeof backupKeeper>;

/** Backups: make, look at, check, put back, remove, and when they are made by themselves. */
export function backupService(
  options: BackupServiceOptions,
  keeper: BackupKeeper,
): Handlers<typeof backupEndpoints> {
  return {
    ...backupHandlers(options, keeper),
    ...restoreHandlers(options),
    ...scheduleHandlers(options, keeper),
  };
}

type BackupHandlers = Handlers<typeof backupEndpoints>;

function backupHandlers({ source, copies, paths }: BackupServiceOptions, keeper: BackupKeeper) {
  return {
    async listBackups({ query }) {
      const all = await keeper.list();
      return {
        backups: all.slice(0, query.limit ?? 100),
        total: all.length,
        total_size_bytes: all.reduce((sum, backup) => sum + backup.size_bytes, 0),
        backup_dir: source.root,
        copies_to: copies?.place ?? null,
        pending_restore: pendingRestore(paths)?.backup_id ?? null,
      };
    },
    async createBackup({ body }, { caller }) {
      const backup = await keeper.make(body, caller.userId);
      return { success: true, backup_id: backup.id, backup };
    },
    async getBackup({ params }) {
      const manifest = await readManifest(source.root, params.backup_id);
      return { backup: await keeper.infoOf(manifest), manifest };
    },
    async verifyBackup({ params }) {
      const manifest = await readManifest(source.root, params.backup_id);
      const folder = join(source.root, manifest.id);
      const problems = await fileProblems(folder, manifest);
      if (problems.length === 0 && manifest.components.includes("database")) {
        const unpacked = join(source.root, `${manifest.id}.check`);
        try {
          problems.push(...(await unpackDatabase(folder, manifest, unpacked)));
        } catch (error) {
          throw folderTrouble(error, { path: source.root, setting: "SIMPLETUNER_BACKUP_DIR" });
        } finally {
          await rm(unpacked, { force: true });
        }
      }
      const missing = problems.length === 0 ? await missingOutputs(folder, manifest, source.outputs()) : 0;
      return { valid: problems.length === 0, problems, outputs_missing: missing };
    },
    async deleteBackup({ params }, { caller }) {
      await keeper.remove(params.backup_id, caller.userId);
      return { success: true, backup_id: params.backup_id };
    },
  } satisfies Partial<BackupHandlers>;
}

function restoreHandlers({ source, paths, holdsKey, areMany, now }: BackupServiceOptions) {
  return {
    async restoreBackup({ params, body }) {
      const manifest = await readManifest(source.root, params.backup_id);
      const components = componentsToRestore(manifest, body.components);
      const dryRun = body.dry_run ?? false;
      await stageRestore(join(source.root, manifest.id), manifest, {
        paths,
        components,
        dryRun,
        atMs: now(),
      }).catch((error: unknown) => {
        throw folderTrouble(error, { path: paths.restore, setting: "SIMPLETUNER_STATE_DIR" });
      });
      return {
        success: true,
        restored_components: components,
        dry_run: dryRun,
        restart_required: !dryRun,
        warnings: [...restoreWarnings(manifest, holdsKey, components), ...(areMany ? [firstAlone] : [])],
      };
    },
    async cancelRestore() {
      await cancelRestore(paths);
      return { success: true };
    },
  } satisfies Partial<BackupHandlers>;
}

const firstAlone =
  "Several servers share the state. Stop all of them: the first one that starts again puts the backup in place before it answers.";

/** What a person should know before a restore is put in place. */
export function restoreWarnings(
  manifest: BackupManifest,
  holdsKey: (fingerprint: string) => boolean,
  components: readonly BackupComponent[],
): string[] {
  const warnings: string[] = [];
  if (!components.includes("database")) return warnings;
  warnings.push(
    `Everything stored since ${manifest.created_at} is put aside. Jobs that waited then are cancelled, because they may have run since.`,
  );
  if (!holdsKey(manifest.key_fingerprint))
    warnings.push(
      "The backup was made with another key: saved passwords and tokens in it cannot be read. Put the credential.key of that time back first, or set SIMPLETUNER_CREDENTIAL_KEY.",
    );
  return warnings;
}

function scheduleHandlers({ settings }: BackupServiceOptions, keeper: BackupKeeper) {
  const state = async () => {
    const every = await settings.get("backupEveryHours");
    const last = (await keeper.list()).find((backup) => backup.created_by === scheduled);
    const due = last ? new Date(Date.parse(last.created_at) + (every ?? 0) * 3_600_000) : null;
    return {
      every_hours: every,
      keep_days: await settings.get("backupKeepDays"),
      last_at: last?.created_at ?? null,
      next_at: every === null ? null : (due?.toISOString() ?? null),
      last_error: (await settings.get("backupLastError")) ?? null,
    };
  };
  return {
    getSchedule: state,
    async putSchedule({ body }) {
      await settings.set({ backupEveryHours: body.every_hours, backupKeepDays: body.keep_days });
      return state();
    },
  } satisfies Partial<BackupHandlers>;
}

function asFailure(error: unknown, { root }: BackupSource): Failure {
  if (error instanceof Failure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || /disk is full/.test(message))
    return fail("disk_full", { path: "the backups", free: "0 bytes" }, error);
  const problem = folderProblem(error);
  const reason =
    problem &&
    `the folder ${root} cannot be used, because ${problem}; put that right, or choose another with SIMPLETUNER_BACKUP_DIR`;
  return fail("backup_failed", { reason: reason ?? message }, error);
}
