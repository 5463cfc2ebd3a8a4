import type { Command } from "commander";
import type { BackupComponent } from "@simpletuner-cloud/contract/backups.ts";
import { serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { printLine, styled } from "../output.ts";
import { askYesNo } from "../questions.ts";
import { stateFolder } from "../server-process.ts";
import { componentsOption, printBackups } from "./backup.ts";

interface Options {
  components?: BackupComponent[];
  dryRun?: true;
  force?: true;
  offline?: true;
  stateDir?: string;
}

/** Adds `backup restore`. */
export function addBackupRestore(parent: Command, io: Io): void {
  parent
    .command("restore")
    .description("put a backup in place; with --offline also where the server cannot start")
    .argument("[id]", "the backup; with --offline, without it they are listed")
    .addOption(componentsOption())
    .option("-n, --dry-run", "check everything, change nothing")
    .option("--force", "do not ask")
    .option("--offline", "work on the state directory itself while no server runs")
    .option("--state-dir <folder>", "folder of the database, with --offline (default: ~/.simpletuner)")
    .action(async (id: string | undefined, options: Options, command: Command) => {
      if (options.offline === true) return restoreHere(id, options, io);
      if (id === undefined) throw new CommandFailure("Name the backup; `backup list` shows them.");
      const { call } = serverOf(command, io);
      await agree(io, id, options);
      const done = await call("POST /api/backup/{backup_id}/restore", {
        params: { backup_id: id },
        body: {
          dry_run: options.dryRun ?? false,
          ...(options.components && { components: options.components }),
        },
      });
      tell(io, done.warnings);
      printLine(
        io.out,
        done.dry_run
          ? `${id} is whole and can be restored.`
          : `${id} is checked. Stop the server and start it again to put it in place.`,
      );
    });
}

async function restoreHere(id: string | undefined, options: Options, io: Io): Promise<void> {
  const { listOffline, restoreOffline } = await import("@simpletuner-cloud/server/restore-offline.ts");
  const place = {
    stateDir: stateFolder(options.stateDir, io),
    backupFolder: io.env["SIMPLETUNER_BACKUP_DIR"] || null,
    env: io.env,
  };
  if (id === undefined) return printBackups(io, await listOffline(place));
  await agree(io, id, options);
  const { components, dryRun = false } = options;
  const done = await restoreOffline(place, id, { components, dryRun, atMs: Date.now() });
  tell(io, done.warnings);
  printLine(
    io.out,
    done.replaced === null
      ? `${id} is whole and can be restored.`
      : `${id} is in place. What it replaced is kept in config/cloud/${done.replaced}.`,
  );
}

async function agree(io: Io, id: string, { dryRun, force }: Options): Promise<void> {
  if (dryRun === true || force === true) return;
  if (!io.interactive)
    throw new CommandFailure("Restoring asks first; add --force to restore without a question.");
  if (!(await askYesNo(`Put the backup ${id} in place of what is there now?`)))
    throw new CommandFailure("Nothing was restored.");
}

function tell(io: Io, warnings: readonly string[]): void {
  for (const warning of warnings) printLine(io.err, styled(io.err, "yellow", warning));
}
