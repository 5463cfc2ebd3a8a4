import { type Command, Option } from "commander";
import {
  backupComponents,
  type BackupComponent,
  type BackupInfo,
} from "@simpletuner-cloud/contract/backups.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  formatBytes,
  formatTime,
  printJson,
  printLine,
  printTable,
  styled,
  type OutputFormat,
} from "../output.ts";

/** Adds `backup …`, except `restore`. */
export function addBackup(parent: Command, io: Io): Command {
  const backup = parent.command("backup").description("copies of the database and the configurations");
  addList(backup, io);
  addCreate(backup, io);
  addGet(backup, io);
  addVerify(backup, io);
  addDelete(backup, io);
  addSchedule(backup, io);
  return backup;
}

/** The option that chooses what a backup or a restore covers. */
export function componentsOption(): Option {
  return new Option("--components <names...>", "only these").choices(backupComponents);
}

/** Prints backups as a table. */
export function printBackups(io: Io, backups: readonly BackupInfo[]): void {
  printTable(io.out, backups, [
    { title: "BACKUP", value: (each) => each.id },
    { title: "MADE", value: (each) => formatTime(each.created_at) },
    { title: "BY", value: (each) => each.created_by },
    { title: "SIZE", value: (each) => formatBytes(each.size_bytes), alignRight: true },
    { title: "HOLDS", value: (each) => each.components.join(", ") },
    { title: "COPY", value: (each) => each.copied_to ?? "" },
  ]);
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("backups, newest first")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const answer = await serverOf(command, io).call("GET /api/backup", { query: {} });
      if (options.format === "json") return printJson(io.out, answer);
      if (answer.total === 0) return printLine(io.out, "No backups yet. Make one with: backup create");
      printBackups(io, answer.backups);
      printLine(io.out, `${formatBytes(answer.total_size_bytes)} in ${answer.backup_dir}`);
      if (answer.pending_restore !== null)
        printLine(io.out, `The next start of the server puts ${answer.pending_restore} in place.`);
    });
}

function addCreate(parent: Command, io: Io): void {
  parent
    .command("create")
    .description("make a backup while everything runs")
    .option("--name <name>", "letters, digits and dashes")
    .option("--description <text>", "what it is for")
    .addOption(componentsOption())
    .addOption(formatOption("-f, --format <format>"))
    .action(
      async (
        options: {
          name?: string;
          description?: string;
          components?: BackupComponent[];
          format: OutputFormat;
        },
        command: Command,
      ) => {
        const { format, ...body } = options;
        const { backup } = await serverOf(command, io).call("POST /api/backup", { body });
        if (format === "json") return printJson(io.out, backup);
        printLine(io.out, `Backup ${backup.id} (${formatBytes(backup.size_bytes)}): ${backup.path}`);
        if (backup.copied_to !== null) printLine(io.out, `Copied to ${backup.copied_to}`);
      },
    );
}

function addGet(parent: Command, io: Io): void {
  parent
    .command("get")
    .description("what a backup holds, as JSON")
    .argument("<id>", "the backup")
    .action(async (backup_id: string, _options: object, command: Command) => {
      const call = serverOf(command, io).call;
      printJson(io.out, await call("GET /api/backup/{backup_id}", { params: { backup_id } }));
    });
}

function addVerify(parent: Command, io: Io): void {
  parent
    .command("verify")
    .description("read a backup through: checksums, database, row counts")
    .argument("<id>", "the backup")
    .action(async (backup_id: string, _options: object, command: Command) => {
      const { valid, problems, outputs_missing } = await serverOf(command, io).call(
        "POST /api/backup/{backup_id}/verify",
        { params: { backup_id } },
      );
      for (const problem of problems) printLine(io.out, styled(io.out, "red", problem));
      if (!valid) throw new CommandFailure(`The backup ${backup_id} is damaged.`);
      printLine(io.out, `The backup ${backup_id} is whole.`);
      if (outputs_missing > 0)
        printLine(io.out, `${counted(outputs_missing, "output")} on its list are not stored any more.`);
    });
}

function addDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("delete a backup and its copy")
    .argument("<id>", "the backup")
    .action(async (backup_id: string, _options: object, command: Command) => {
      await serverOf(command, io).call("DELETE /api/backup/{backup_id}", { params: { backup_id } });
      printLine(io.out, `Deleted ${backup_id}.`);
    });
}

function addSchedule(parent: Command, io: Io): void {
  parent
    .command("schedule")
    .description("show or change when backups are made by themselves")
    .option("--every-hours <n>", "make one every n hours", wholeNumber(1, 720))
    .option("--keep-days <n>", "keep those for n days", wholeNumber(1, 3_650))
    .option("--off", "make none")
    .action(async (options: { everyHours?: number; keepDays?: number; off?: boolean }, command: Command) => {
      const { call } = serverOf(command, io);
      let state = await call("GET /api/backup/schedule");
      if (options.off === true || options.everyHours !== undefined || options.keepDays !== undefined)
        state = await call("PUT /api/backup/schedule", {
          body: {
            every_hours: options.off === true ? null : (options.everyHours ?? state.every_hours),
            keep_days: options.keepDays ?? state.keep_days,
          },
        });
      printLine(
        io.out,
        state.every_hours === null
          ? "No backups are made by themselves. Turn it on with: backup schedule --every-hours 24"
          : `A backup every ${state.every_hours} hours, kept for ${state.keep_days} days.`,
      );
      if (state.last_at !== null) printLine(io.out, `The last one: ${formatTime(state.last_at)}`);
      if (state.last_error !== null) throw new CommandFailure(`The last one failed: ${state.last_error}`);
    });
}
