import { resolve } from "node:path";
import type { Command } from "commander";
import { formatOption } from "../command-options.ts";
import type { Io } from "../io.ts";
import { counted, type OutputFormat, printJson, printLine, styled, withoutControls } from "../output.ts";
import { stateFolder } from "../server-process.ts";

interface Options {
  stateDir?: string;
  dryRun?: boolean;
  format: OutputFormat;
}

/** Adds `jobs import-history`. */
export function addJobsImportHistory(parent: Command, io: Io): void {
  parent
    .command("import-history")
    .description(
      "take over ended jobs from a job_history.json of SimpleTuner's cloud panel, on the server's machine",
    )
    .argument("<file>", "such as ~/.simpletuner/cloud/job_history.json")
    .option("--state-dir <folder>", "folder of the database (default: ~/.simpletuner)")
    .option("-n, --dry-run", "say what would be taken over, change nothing")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (file: string, { stateDir, dryRun = false, format }: Options) => {
      // Loaded here only, as the server is.
      const { importHistoryOffline } = await import("@simpletuner-cloud/server/import-job-history.ts");
      const place = { stateDir: stateFolder(stateDir, io), env: io.env, path: resolve(io.cwd, file), dryRun };
      const report = await importHistoryOffline(place);
      if (format === "json") return printJson(io.out, report);
      const verb = dryRun ? "would be taken over" : "taken over";
      printLine(io.out, `${counted(report.imported, "job")} ${verb}, ${report.present} here already.`);
      for (const { job_id, provider, status } of report.active)
        printLine(
          io.err,
          styled(
            io.err,
            "yellow",
            `${job_id} was still ${status} at ${withoutControls(provider)}: not taken over.`,
          ),
        );
      for (const { entry, job_id, reason } of report.problems)
        printLine(
          io.err,
          styled(
            io.err,
            "yellow",
            `Entry ${entry}${job_id === null ? "" : ` (${withoutControls(job_id)})`} ${withoutControls(reason)}: left out.`,
          ),
        );
    });
}
