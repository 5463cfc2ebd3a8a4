import type { Command } from "commander";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { printDeliveries } from "../delivery-lines.ts";
import { followDeliveries } from "../follow-deliveries.ts";
import { CommandFailure, type Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printJson, printLine, type OutputFormat } from "../output.ts";

/** Adds `jobs deliveries`. */
export function addJobsDeliveries(parent: Command, io: Io): void {
  parent
    .command("deliveries")
    .description("where a job's results go and how far they are")
    .argument("<id>", "the job's id or the beginning of it")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (id: string, { format }: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const { job_id } = await findJob(server, id);
      const { deliveries } = await server.call("GET /api/cloud/jobs/{job_id}/deliveries", {
        params: { job_id },
      });
      if (format === "json") return printJson(io.out, deliveries);
      if (deliveries.length === 0)
        return printLine(io.out, "Its results stay on the server. Bring them elsewhere with: jobs deliver");
      printDeliveries(io, deliveries);
    });
}

interface DeliverOptions {
  to?: string[];
  follow?: true;
  format: OutputFormat;
}

/** Adds `jobs deliver`. */
export function addJobsDeliver(parent: Command, io: Io): void {
  parent
    .command("deliver")
    .description("bring a job's results to more places, or once more to one that has them")
    .argument("<id>", "the job's id or the beginning of it")
    .option("--to <names...>", "the places; default: the default ones that have not got them")
    .option("--follow", "wait until they are there; fails when one fails")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (id: string, options: DeliverOptions, command: Command) => {
      const server = serverOf(command, io);
      const { job_id, is_terminal } = await findJob(server, id);
      const { deliveries } = await server.call("POST /api/cloud/jobs/{job_id}/deliveries", {
        params: { job_id },
        body: options.to === undefined ? {} : { destinations: options.to },
      });
      const ended =
        options.follow === true
          ? await followDeliveries(io, server, job_id, deliveries, options.format)
          : deliveries;
      if (options.format === "json") printJson(io.out, ended);
      else printDeliveries(io, ended);
      if (options.follow) return failUnlessThere(ended);
      if (options.format !== "json" && !is_terminal)
        printLine(io.out, "They are brought there when the job is completed.");
    });
}

function failUnlessThere(deliveries: readonly Delivery[]): void {
  const lost = deliveries.filter(({ status }) => status !== "delivered").map((each) => each.destination);
  if (lost.length > 0) throw new CommandFailure(`Not delivered to ${lost.join(", ")}.`);
}
