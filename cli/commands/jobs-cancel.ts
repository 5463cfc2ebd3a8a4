import type { Command } from "commander";
import { serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printLine } from "../output.ts";

/** Adds `jobs cancel`. */
export function addJobsCancel(parent: Command, io: Io): void {
  parent
    .command("cancel")
    .description("cancel a job that has not ended")
    .argument("<id>", "the job's id or the beginning of it")
    .action(async (id: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const { job_id } = await findJob(server, id);
      const { status } = await server.call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
      printLine(
        io.out,
        status === "cancelled"
          ? `Cancelled ${job_id}.`
          : `Cancelling ${job_id}; it stops within its grace time.`,
      );
    });
}
