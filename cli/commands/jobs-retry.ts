import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import { consentTo } from "../consent.ts";
import { followToEnd } from "../follow-output.ts";
import type { Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printJson, printLine, type OutputFormat } from "../output.ts";

interface Options {
  yes?: true;
  follow?: true;
  format: OutputFormat;
}

/** Adds `jobs retry`. */
export function addJobsRetry(parent: Command, io: Io): void {
  parent
    .command("retry")
    .description("submit the frozen inputs of a finished job again as a new job")
    .argument("<id>", "the job's id or the beginning of it")
    .option("-y, --yes", "consent to sending the datasets")
    .option("-f, --follow", "follow the new job to its end")
    .addOption(formatOption())
    .action(async (id: string, options: Options, command: Command) => {
      const server = serverOf(command, io);
      const { job_id } = await findJob(server, id);
      const plan = await server.call("POST /api/cloud/data-consent/preview", { body: { retry_of: job_id } });
      const consent_token = (await consentTo(plan, io, options.yes === true)) ?? undefined;
      const answer = await server.call("POST /api/cloud/jobs/{job_id}/retry", {
        params: { job_id },
        body: { consent_token, idempotency_key: randomUUID() },
      });
      const json = options.format === "json";
      if (!json) printLine(io.out, `Submitted ${answer.job_id} (again ${job_id}).`);
      if (!options.follow) return json ? printJson(io.out, answer.job) : undefined;
      await followToEnd(io, server, answer.job_id, options.format);
    });
}
