import { type Command, Option } from "commander";
import { terminalStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { counted, type OutputFormat, printJson, printLine } from "../output.ts";
import { askYesNo } from "../questions.ts";

interface Options {
  days: number;
  status?: (typeof terminalStatuses)[number];
  dryRun?: true;
  force?: true;
  format: OutputFormat;
}

/** Adds `jobs purge`. */
export function addJobsPurge(parent: Command, io: Io): void {
  parent
    .command("purge")
    .description("archive jobs that ended long ago and take them out; never one under way, and outputs stay")
    .option("--days <days>", "days since their end", wholeNumber(1, 365), 30)
    .addOption(new Option("--status <status>", "only jobs that ended so").choices(terminalStatuses))
    .option("-n, --dry-run", "count them, and show what is kept; take nothing out")
    .option("--force", "do not ask")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ days, status, dryRun, force, format }: Options, command: Command) => {
      const { call } = serverOf(command, io);
      const query = { days, ...(status && { status }) };
      const found = await call("POST /api/queue/cleanup", { query: { ...query, dry_run: true } });
      if (dryRun === true) {
        const kept = await call("GET /api/queue/retention");
        if (format === "json") return printJson(io.out, { ...found, retention: kept });
        printLine(io.out, `${counted(found.deleted, "job")} ended more than ${counted(days, "day")} ago.`);
        printLine(
          io.out,
          kept.days === null
            ? "Jobs are kept for ever."
            : `Jobs are kept ${counted(kept.days, "day")}; ${kept.due} of ${kept.ended} are due.`,
        );
        return printLine(
          io.out,
          `${counted(kept.archives.files, "archive")} in ${kept.archive_folder}: ${kept.archives.bytes} bytes.`,
        );
      }
      if (force !== true && found.deleted > 0) await agree(io, found.deleted);
      const done = await call("POST /api/queue/cleanup", { query });
      if (format === "json") return printJson(io.out, done);
      printLine(io.out, `${counted(done.deleted, "job")} moved into the archive.`);
    });
}

async function agree(io: Io, jobs: number): Promise<void> {
  if (!io.interactive)
    throw new CommandFailure("Purging asks first; add --force to purge without a question.");
  if (!(await askYesNo(`Move ${counted(jobs, "job")} with logs and history into the archive?`)))
    throw new CommandFailure("Nothing was taken out.");
}
