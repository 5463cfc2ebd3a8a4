import type { Command } from "commander";
import { serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printLine, withoutControls } from "../output.ts";
import { askYesNo } from "../questions.ts";

/** Adds `jobs delete`. */
export function addJobsDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("delete a finished job with its log and history")
    .argument("<id>", "the job's id or the beginning of it")
    .option("--force", "do not ask")
    .option("--delete-outputs", "delete its models, checkpoints and samples too")
    .action(async (id: string, options: { force?: true; deleteOutputs?: true }, command: Command) => {
      const server = serverOf(command, io);
      const job = await findJob(server, id);
      if (!options.force) await confirm(io, job.job_id, job.name, options.deleteOutputs === true);
      await server.call("DELETE /api/cloud/jobs/{job_id}", {
        params: { job_id: job.job_id },
        query: { keep_outputs: !options.deleteOutputs },
      });
      printLine(
        io.out,
        `Deleted ${job.job_id}${options.deleteOutputs ? " and its files" : "; its files stay"}.`,
      );
    });
}

async function confirm(io: Io, jobId: string, name: string, withFiles: boolean): Promise<void> {
  if (!io.interactive)
    throw new CommandFailure("Deleting asks first; add --force to delete without a question.");
  const what = withFiles ? "with its models, checkpoints and samples" : "with its log and history";
  if (!(await askYesNo(`Delete ${withoutControls(name)} (${jobId}) ${what}?`))) {
    throw new CommandFailure("Nothing was deleted.");
  }
}
