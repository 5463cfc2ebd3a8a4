import { randomUUID } from "node:crypto";
import { Option, type Command } from "commander";
import type { CostEstimate } from "@simpletuner-cloud/contract/cost.ts";
import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { consentTo } from "../consent.ts";
import { followToEnd } from "../follow-output.ts";
import type { Io } from "../io.ts";
import { printJson, printLine, styled, type OutputFormat, withoutControls } from "../output.ts";
import { estimateLine, printPlan } from "../plan-view.ts";
import type { ServerConnection } from "../server-address.ts";
import { readJobInputs } from "../submit-request.ts";

interface Options {
  dataloader?: string;
  dataset?: "in-place" | "package";
  name?: string;
  idempotencyKey?: string;
  deliverTo?: string[] | false;
  provider?: string;
  hardware?: string;
  dryRun?: true;
  yes?: true;
  follow?: true;
  format: OutputFormat;
}

/** Adds `jobs submit`. */
export function addJobsSubmit(parent: Command, io: Io): void {
  parent
    .command("submit")
    .description("submit a job")
    .argument("<config>", "name of a saved configuration, or a JSON file")
    .option("-d, --dataloader <file>", "JSON file with the datasets, or the name of a saved list")
    .addOption(
      new Option("--dataset <how>", "read the datasets in place or send a package of them").choices([
        "in-place",
        "package",
      ]),
    )
    .option("--name <name>", "name of the run")
    .option("--provider <id>", "where to train (default: local)")
    .option("--hardware <id>", "what to train on there (default: the first of the place's hardware)")
    .option("--deliver-to <names...>", "places for the results beside the server (default: the default ones)")
    .option("--no-deliver-to", "leave the results on the server")
    .option("--idempotency-key <key>", "equal keys give one job")
    .option("-n, --dry-run", "show what would be sent and what it would cost; submit nothing")
    .option("-y, --yes", "consent to sending the datasets")
    .option("-f, --follow", "follow the job to its end")
    .addOption(formatOption())
    .action(async (config: string, options: Options, command: Command) => {
      const server = serverOf(command, io);
      const inputs = readJobInputs(config, options.dataloader, io.cwd);
      const where = {
        provider: options.provider,
        dataset_transfer: options.dataset?.replace("-", "_") as "in_place" | "package" | undefined,
      };
      const plan = await server.call("POST /api/cloud/data-consent/preview", {
        body: { ...inputs, ...where },
      });
      const estimate = await server.call("POST /api/cloud/cost-estimate", {
        body: {
          provider: options.provider,
          hardware: options.hardware,
          config: inputs.config,
          config_name_to_load: inputs.config_name_to_load,
        },
      });
      if (options.dryRun) return showDryRun(io, plan, estimate, options.format);
      if (options.format !== "json") printLine(io.out, estimateLine(estimate));
      const consent_token = (await consentTo(plan, io, options.yes === true)) ?? undefined;
      const answer = await server.call("POST /api/cloud/jobs/submit", {
        body: {
          ...inputs,
          ...where,
          hardware: options.hardware,
          name: options.name,
          destinations: options.deliverTo === false ? [] : options.deliverTo,
          consent_token,
          // Without a key a submit that is sent twice by a proxy would train twice.
          idempotency_key: options.idempotencyKey ?? randomUUID(),
        },
      });
      await showSubmitted(io, server, answer, options);
    });
}

function showDryRun(io: Io, plan: DatasetPlan, estimate: CostEstimate, format: OutputFormat): void {
  // The token is the consent itself; a plan that is printed or stored must not carry it.
  if (format === "json") return printJson(io.out, { plan: { ...plan, consent_token: null }, estimate });
  printPlan(io.out, plan);
  printLine(io.out, estimateLine(estimate));
  printLine(io.out, "Nothing was submitted (--dry-run).");
}

async function showSubmitted(
  io: Io,
  server: ServerConnection,
  answer: { job_id: string; idempotent_hit: boolean; cost_limit_warning: string | null; job: unknown },
  options: Options,
): Promise<void> {
  const json = options.format === "json";
  if (answer.cost_limit_warning)
    printLine(io.err, styled(io.err, "yellow", withoutControls(answer.cost_limit_warning)));
  if (!json) {
    const verb = answer.idempotent_hit ? "Already submitted with this key:" : "Submitted";
    printLine(io.out, `${verb} ${answer.job_id}`);
    printLine(io.out, styled(io.out, "dim", `${server.baseUrl}/jobs/${answer.job_id}`));
  }
  if (!options.follow) return json ? printJson(io.out, answer.job) : undefined;
  await followToEnd(io, server, answer.job_id, options.format);
}
