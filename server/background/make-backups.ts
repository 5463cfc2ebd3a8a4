import type { Logger } from "pino";
import type { BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { type BackupKeeper, scheduled } from "../services/backups.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

const lookEveryMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What backups on a schedule need. */
export interface MakeBackupOptions {
  backups: Pick<BackupKeeper, "make" | "list" | "remove">;
  settings: SettingStore;
  now: () => number;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/**
 * Makes a backup when the last scheduled one is as old as the setting says, and removes scheduled ones that are older
 * than they are to be kept; the newest and those made by hand stay. A clock that went back makes none twice.
 */
export function makeBackups({ backups, settings, now, log, stopping, traces }: MakeBackupOptions): Loop {
  const round = async (): Promise<void> => {
    const every = await settings.get("backupEveryHours");
    if (every === null) return;
    const ageOf = ({ created_at }: BackupInfo): number => now() - Date.parse(created_at);
    const made = async (): Promise<BackupInfo[]> =>
      (await backups.list()).filter(({ created_by }) => created_by === scheduled);
    const [last] = await made();
    if (!last || ageOf(last) >= every * hourMs) {
      const error = await backups.make({}, scheduled).then(
        () => null,
        (thrown: unknown) => (thrown as Error).message,
      );
      if (error !== (await settings.get("backupLastError"))) await settings.set({ backupLastError: error });
      if (error !== null) throw new Error(error);
    }
    const keepMs = (await settings.get("backupKeepDays")) * dayMs;
    const [, ...older] = await made();
    for (const backup of older) if (ageOf(backup) > keepMs) await backups.remove(backup.id, scheduled);
  };
  return startLoop({ name: "making backups", everyMs: lookEveryMs, round, log, stopping, traces });
}
