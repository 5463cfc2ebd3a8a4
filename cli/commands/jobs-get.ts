import type { Command } from "commander";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { deliveredModels } from "../follow-output.ts";
import type { Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import {
  formatBytes,
  formatDuration,
  formatTime,
  printJson,
  printLine,
  styled,
  type OutputFormat,
  withoutControls,
} from "../output.ts";
import type { ServerConnection } from "../server-address.ts";
import { movingOf, movingText } from "../progress-view.ts";

/** Adds `jobs get`. */
export function addJobsGet(parent: Command, io: Io): void {
  parent
    .command("get")
    .description("show one job")
    .argument("<id>", "the job's id or the beginning of it")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (id: string, options: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const job = await findJob(server, id);
      if (options.format === "json") return printJson(io.out, job);
      for (const [label, value] of jobFacts(job, server)) printFact(io, label, value);
      for (const model of job.is_terminal ? await deliveredModels(server, job.job_id) : []) {
        printFact(
          io,
          "Model",
          `${model.path ?? server.baseUrl + model.url} (${formatBytes(model.size_bytes)})`,
        );
      }
      printFact(io, "Page", `${server.baseUrl}/jobs/${job.job_id}`);
    });
}

function printFact(io: Io, label: string, value: string): void {
  printLine(io.out, `${styled(io.out, "dim", label.padEnd(10))} ${withoutControls(value)}`);
}

function jobFacts(job: Job, server: ServerConnection): [string, string][] {
  const facts: [string, string | null][] = [
    ["Job", job.job_id],
    ["Name", job.name],
    ["Status", job.status],
    ["Config", job.config_name],
    ["Family", job.model_family],
    ["Provider", job.provider],
    ["Created", formatTime(job.created_at)],
    ["Started", job.started_at && formatTime(job.started_at)],
    ["Ended", job.completed_at && formatTime(job.completed_at)],
    [
      job.is_terminal ? "Took" : "For",
      job.duration_seconds === null ? null : formatDuration(job.duration_seconds),
    ],
    ["Attempt", job.attempt > 1 ? `${job.attempt} of ${job.max_attempts}` : null],
    ["Now", job.is_terminal ? null : movingText(movingOf(job), 100).replace(/ {2,}/g, "  ")],
    ["Reason", job.error_message],
    ["Retry of", job.retry_of],
    ["Output", job.output_url?.startsWith("/") ? server.baseUrl + job.output_url : job.output_url],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}
