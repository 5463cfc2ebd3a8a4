import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import { followToEnd } from "../follow-output.ts";
import type { Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import type { OutputFormat } from "../output.ts";

/** Adds `jobs follow`. */
export function addJobsFollow(parent: Command, io: Io): void {
  parent
    .command("follow")
    .description("show a job's progress until it ends")
    .argument("<id>", "the job's id or the beginning of it")
    .addOption(formatOption())
    .action(async (id: string, options: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const { job_id } = await findJob(server, id);
      await followToEnd(io, server, job_id, options.format);
    });
}
