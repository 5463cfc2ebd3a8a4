import type { Command } from "commander";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { allArtifacts } from "../job-artifacts.ts";
import { findJob } from "../job-lookup.ts";
import {
  type Column,
  counted,
  formatBytes,
  formatTime,
  type OutputFormat,
  printJson,
  printLine,
  printTable,
  styled,
} from "../output.ts";

/** Adds `jobs artifacts`. */
export function addJobsArtifacts(parent: Command, io: Io): void {
  parent
    .command("artifacts")
    .description("list the models, checkpoints and samples a job delivered")
    .argument("<id>", "the job's id or the beginning of it")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (id: string, options: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const job = await findJob(server, id);
      const artifacts = await allArtifacts(server, job.job_id);
      if (options.format === "json") return printJson(io.out, artifacts);
      if (artifacts.length === 0) {
        const wait = job.is_active ? " They appear as the job delivers them." : "";
        return printLine(io.out, `The job delivered no files.${wait}`);
      }
      printTable(io.out, artifacts, columns);
      const total = artifacts.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
      const text = `${counted(artifacts.length, "file")}, ${formatBytes(total)}. Fetch them: npx simpletuner-cloud jobs download ${job.job_id} --all`;
      printLine(io.out, styled(io.out, "dim", text));
    });
}

const columns: readonly Column<Artifact>[] = [
  { title: "KEY", value: ({ key }) => key, maxWidth: 100 },
  { title: "KIND", value: ({ kind }) => kind },
  { title: "STEP", value: ({ step }) => (step === null ? "" : String(step)), alignRight: true },
  { title: "SIZE", value: ({ size_bytes }) => formatBytes(size_bytes), alignRight: true },
  { title: "SAVED", value: ({ last_modified }) => formatTime(last_modified) },
];
