import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printJson, printLine, printTable, type OutputFormat } from "../output.ts";

/** Adds `jobs diff`. */
export function addJobsDiff(parent: Command, io: Io): void {
  parent
    .command("diff")
    .description("what two jobs' configurations set differently")
    .argument("<before>", "a job's id or the beginning of it")
    .argument("<after>", "the other job's")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (before: string, after: string, options: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const [left, right] = [await findJob(server, before), await findJob(server, after)];
      const { differences } = await server.call("GET /api/cloud/jobs/{job_id}/config/diff", {
        params: { job_id: right.job_id },
        query: { with: left.job_id },
      });
      if (options.format === "json") return printJson(io.out, differences);
      if (differences.length === 0) return printLine(io.out, "Both jobs set everything the same.");
      printTable(io.out, differences, [
        { title: "OPTION", value: (each) => each.path },
        { title: left.job_id.slice(-8), value: (each) => valueOf(each.before) },
        { title: right.job_id.slice(-8), value: (each) => valueOf(each.after) },
      ]);
    });
}

function valueOf(value: unknown): string {
  if (value === undefined) return "(not set)";
  return typeof value === "string" ? value : JSON.stringify(value);
}
