import type { styleText } from "node:util";
import type { Command } from "commander";
import type { Job, JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, usageExitCode, type Io } from "../io.ts";
import {
  formatDuration,
  formatTime,
  printJson,
  printLine,
  printTable,
  styled,
  type Column,
  type OutputFormat,
} from "../output.ts";

interface Options {
  status?: string;
  provider?: string;
  limit: number;
  sync?: boolean;
  format: OutputFormat;
  output?: string;
}

/** Adds `jobs list`. */
export function addJobsList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list jobs, newest first")
    .option("-s, --status <states>", "only these states, comma separated, or active or terminal")
    .option("--provider <id>", "only jobs of this provider")
    .option("-l, --limit <count>", "at most so many (1-500)", wholeNumber(1, 500), 20)
    .option("--sync", "first ask the providers what became of what runs there")
    .option("-o, --output <fields>", "only these fields, comma separated, e.g. job_id,status,name")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: Options, command: Command) => {
      const { status, provider, limit } = options;
      const answer = await serverOf(command, io).call("GET /api/cloud/jobs", {
        query: { status, provider, limit, ...(options.sync && { sync_active: true }) },
      });
      const fields = options.output?.split(",").map((field) => field.trim());
      if (options.format === "json") {
        printJson(io.out, fields ? answer.jobs.map((job) => picked(job, fields)) : answer);
      } else if (answer.jobs.length === 0) {
        printLine(io.out, "No jobs. Submit one with: npx simpletuner-cloud jobs submit <config>");
      } else {
        printTable(io.out, answer.jobs, fields ? fields.map(fieldColumn) : jobColumns);
        const more = answer.total - answer.jobs.length;
        if (more > 0)
          printLine(io.out, styled(io.out, "dim", `and ${more} more; --limit shows more of them`));
      }
    });
}

const statusStyles: Record<JobStatus, Parameters<typeof styleText>[0]> = {
  pending: "yellow",
  uploading: "cyan",
  queued: "yellow",
  running: "cyan",
  completed: "green",
  failed: "red",
  cancelled: "dim",
};

const jobColumns: readonly Column<Job>[] = [
  { title: "ID", value: (job) => job.job_id },
  { title: "STATUS", value: (job) => job.status, style: (job) => statusStyles[job.status] },
  { title: "DONE", value: doneText, alignRight: true },
  { title: "NAME", value: (job) => job.name, maxWidth: 32 },
  { title: "PROVIDER", value: (job) => job.provider },
  { title: "CREATED", value: (job) => formatTime(job.created_at) },
  {
    title: "TIME",
    value: (job) => (job.duration_seconds === null ? "" : formatDuration(job.duration_seconds)),
    alignRight: true,
  },
];

function doneText(job: Job): string {
  if (job.status === "completed") return "100 %";
  const percent = job.progress?.percent ?? null;
  return percent === null ? "" : `${Math.floor(percent)} %`;
}

function picked(job: Job, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field, fieldValue(job, field)]));
}

function fieldValue(job: Job, field: string): unknown {
  if (!Object.hasOwn(job, field)) {
    throw new CommandFailure(
      `--output: a job has no field "${field}". Fields: ${Object.keys(job).join(", ")}`,
      usageExitCode,
    );
  }
  return job[field as keyof Job];
}

function fieldColumn(field: string): Column<Job> {
  return {
    title: field.toUpperCase(),
    value: (job) => {
      const value = fieldValue(job, field);
      return value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    },
  };
}
