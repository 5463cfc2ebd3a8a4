import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  formatBytes,
  formatCount,
  formatTime,
  printJson,
  printLine,
  printTable,
  styled,
  type OutputFormat,
} from "../output.ts";
import { askYesNo } from "../questions.ts";
import { stateFolder } from "../server-process.ts";
import { type DatabaseFigures, offlineDatabase, onlineDatabase } from "../database-place.ts";

/** Options of a command that works through the server or without one. */
interface PlaceOptions {
  offline?: true;
  stateDir?: string;
  format: OutputFormat;
}

/** Adds `database …`: look after the database, through the server or without one. */
export function addDatabase(parent: Command, io: Io): Command {
  const database = parent
    .command("database")
    .description("where everything is kept: check, size, migrations");
  addHealth(database, io);
  addVerify(database, io);
  addStats(database, io);
  addVacuum(database, io);
  addMigrations(database, io);
  addMigrate(database, io);
  addSettle(database, io);
  return database;
}

function placed(command: Command): Command {
  return command
    .option("--offline", "without the server: look at the database itself")
    .option("--state-dir <folder>", "folder of the database, with --offline (default: ~/.simpletuner)")
    .addOption(formatOption("-f, --format <format>"));
}

function placeOf(options: PlaceOptions, command: Command, io: Io) {
  return options.offline === true ? offlineDatabase(options.stateDir, io) : onlineDatabase(command, io);
}

function addHealth(parent: Command, io: Io): void {
  parent
    .command("health")
    .description("whether the database answers, and how fast")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: PlaceOptions, command: Command) => {
      const health = await serverOf(command, io).call("GET /api/database/health");
      if (format === "json") return printJson(io.out, health);
      const { engine, location, latency_ms, pending_migrations: pending } = health;
      printLine(io.out, `${engine} at ${location} answers in ${latency_ms} ms.`);
      if (pending.length > 0)
        printLine(io.out, `Its schema lacks ${pending.join(", ")}; run: database migrate`);
    });
}

function addVerify(parent: Command, io: Io): void {
  placed(parent.command("verify"))
    .description("read the database through: damage, schema, and what has to agree; changes nothing")
    .action(async (options: PlaceOptions, command: Command) => {
      const verdict = await placeOf(options, command, io).verify();
      if (options.format === "json") printJson(io.out, { valid: verdict.problems.length === 0, ...verdict });
      else for (const problem of verdict.problems) printLine(io.out, styled(io.out, "red", problem));
      if (verdict.problems.length > 0)
        throw new CommandFailure(
          "The database is not sound. Stop the server and restore a backup with: simpletuner-cloud backup restore --offline",
        );
      if (options.format === "json") return;
      const rows = Object.values(verdict.rows).reduce((sum, count) => sum + count, 0);
      const tables = Object.keys(verdict.rows).length;
      printLine(io.out, `The database is sound: ${formatCount(rows)} rows in ${tables} tables were read.`);
    });
}

function addStats(parent: Command, io: Io): void {
  placed(parent.command("stats"))
    .description("where the database is, how large it is, and its tables")
    .action(async (options: PlaceOptions, command: Command) => {
      const stats = await placeOf(options, command, io).stats();
      if (options.format === "json") return printJson(io.out, stats);
      printStats(io, stats);
    });
}

function printStats(io: Io, stats: DatabaseFigures): void {
  const { engine, version, location, size_bytes, reclaimable_bytes, connections } = stats;
  printLine(io.out, `${engine} ${version} at ${location}: ${formatBytes(size_bytes)}`);
  if (connections !== null) printLine(io.out, `${connections} connections are open.`);
  if (reclaimable_bytes !== null && reclaimable_bytes > 0)
    printLine(io.out, `${formatBytes(reclaimable_bytes)} are unused; give them back with: database vacuum`);
  printTable(io.out, stats.tables, [
    { title: "TABLE", value: ({ name }) => name },
    {
      title: stats.rows_are_exact ? "ROWS" : "ROWS (ABOUT)",
      value: ({ rows }) => formatCount(rows),
      alignRight: true,
    },
    { title: "SIZE", value: (table) => formatBytes(table.size_bytes), alignRight: true },
  ]);
}

function addVacuum(parent: Command, io: Io): void {
  placed(parent.command("vacuum"))
    .description("give unused space back; a large SQLite file only with --offline while no server runs")
    .action(async (options: PlaceOptions, command: Command) => {
      const { before_bytes, after_bytes } = await placeOf(options, command, io).vacuum();
      if (options.format === "json") return printJson(io.out, { before_bytes, after_bytes });
      printLine(io.out, `Vacuumed: ${formatBytes(before_bytes)} before, ${formatBytes(after_bytes)} now.`);
    });
}

function addMigrations(parent: Command, io: Io): void {
  placed(parent.command("migrations"))
    .description("the changes that made the database's schema")
    .action(async (options: PlaceOptions, command: Command) => {
      const { applied, pending, unknown } = await placeOf(options, command, io).migrations();
      if (options.format === "json") return printJson(io.out, { applied, pending, unknown });
      printTable(
        io.out,
        [...applied, ...pending.map((name) => ({ name, applied_at: null }))],
        [
          { title: "MIGRATION", value: ({ name }) => name },
          { title: "MADE", value: ({ applied_at: at }) => (at === null ? "to come" : formatTime(at)) },
        ],
      );
      if (unknown.length > 0)
        throw new CommandFailure(`A newer release wrote it (${unknown.join(", ")}). Install that release.`);
    });
}

function addMigrate(parent: Command, io: Io): void {
  parent
    .command("migrate")
    .description("bring the database to this release's schema without starting a server")
    .option("-n, --dry-run", "say what would be done, change nothing")
    .option("--state-dir <folder>", "folder of the database (default: ~/.simpletuner)")
    .action(async ({ dryRun, stateDir }: { dryRun?: true; stateDir?: string }) => {
      const names = await offlineDatabase(stateDir, io).migrate(dryRun === true);
      if (names.length === 0) return printLine(io.out, "The database has this release's schema already.");
      for (const name of names) printLine(io.out, name);
      printLine(io.out, dryRun === true ? "These would be made." : "The database has this release's schema.");
    });
}

function addSettle(parent: Command, io: Io): void {
  parent
    .command("settle")
    .description("after the database was put back to an earlier moment: cancel what may have run since")
    .option("--state-dir <folder>", "folder of the database (default: ~/.simpletuner)")
    .option("--force", "do not ask")
    .action(async ({ stateDir, force }: { stateDir?: string; force?: true }) => {
      const question = "Cancel every job that waits, because it may have run since?";
      if (force !== true && !io.interactive)
        throw new CommandFailure("Settling asks first; add --force to settle without a question.");
      if (force !== true && !(await askYesNo(question))) throw new CommandFailure("Nothing was changed.");
      // Loaded here only, as the server is.
      const { settleOffline } = await import("@simpletuner-cloud/server/settle-offline.ts");
      const { cancelled } = await settleOffline({ stateDir: stateFolder(stateDir, io), env: io.env });
      printLine(io.out, `Settled: ${counted(cancelled, "job")} cancelled. Start the server now.`);
    });
}
