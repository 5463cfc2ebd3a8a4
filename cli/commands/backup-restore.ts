import type { Command } from "commander";
import type { BackupComponent } from "@simpletuner-cloud/contract/backups.ts";
import { serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { formatCount, printLine, styled } from "../output.ts";
import { askYesNo } from "../questions.ts";
import { stateFolder } from "../server-process.ts";
import { componentsOption, printBackups } from "./backup.ts";

interface Options {
  components?: BackupComponent[];
  dryRun?: true;
  force?: true;
  offline?: true;
  cancel?: true;
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
    .option("--cancel", "give up the restore that the next start would put in place")
    .option("--offline", "work on the state directory itself while no server runs")
    .option("--state-dir <folder>", "folder of the database, with --offline (default: ~/.simpletuner)")
    .action(async (id: string | undefined, options: Options, command: Command) => {
      if (options.cancel === true) return cancel(options, command, io);
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

async function cancel(options: Options, command: Command, io: Io): Promise<void> {
  if (options.offline !== true) {
    await serverOf(command, io).call("DELETE /api/backup/restore");
    return printLine(io.out, "Nothing will be restored.");
  }
  const { cancelOffline } = await import("@simpletuner-cloud/server/restore-offline.ts");
  const wasThere = await cancelOffline(placeOf(options, io));
  printLine(io.out, wasThere ? "Nothing will be restored." : "No restore was to come.");
}

function placeOf(options: Options, io: Io) {
  return {
    stateDir: stateFolder(options.stateDir, io),
    backupFolder: io.env["SIMPLETUNER_BACKUP_DIR"] || null,
    env: io.env,
  };
}

async function restoreHere(id: string | undefined, options: Options, io: Io): Promise<void> {
  const { listOffline, restoreOffline } = await import("@simpletuner-cloud/server/restore-offline.ts");
  const place = placeOf(options, io);
  if (id === undefined) return printBackups(io, await listOffline(place));
  await agree(io, id, options);
  const { components, dryRun = false } = options;
  const done = await restoreOffline(place, id, {
    components,
    dryRun,
    atMs: Date.now(),
    onTable: (name, rows) => printLine(io.err, `${name}: ${formatCount(rows)} rows written`),
  });
  tell(io, done.warnings);
  if (dryRun) return printLine(io.out, `${id} is whole and can be restored.`);
  const { replaced, kept } = done;
  printLine(
    io.out,
    `${id} is in place${done.components.includes("database") ? ` in ${done.location}` : ""}.`,
  );
  const places = [
    ...(kept === null ? [] : [`the backup ${kept}`]),
    ...(replaced === null ? [] : [`config/cloud/${replaced}`]),
  ];
  if (places.length > 0) printLine(io.out, `What it replaced is kept in ${places.join(" and ")}.`);
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
