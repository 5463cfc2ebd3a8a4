import { type Command, InvalidArgumentError, Option } from "commander";
import { spendActions, spendPeriods } from "@simpletuner-cloud/contract/cost.ts";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printJson, printLine, type OutputFormat } from "../output.ts";
import { limitLine } from "./cost-limit.ts";

interface Options {
  provider: string;
  amount: number;
  period?: (typeof spendPeriods)[number];
  action?: (typeof spendActions)[number];
  format: OutputFormat;
}

/** Adds `cloud cost-limit show`, `set` and `disable`: the limit of one provider. `cost limit` has all of them. */
export function addCloudCostLimit(parent: Command, io: Io): void {
  const limit = parent.command("cost-limit").description("the limit on spending at a provider");
  const withProvider = (command: Command) =>
    command
      .option("-p, --provider <id>", "the provider", "replicate")
      .addOption(formatOption("-f, --format <format>"));
  withProvider(limit.command("show").description("show where it stands")).action(
    async ({ provider, format }: Options, command: Command) => {
      const status = await serverOf(command, io).call("GET /api/cloud/cost-limit/status", {
        query: { provider },
      });
      if (format === "json") return printJson(io.out, status);
      printLine(io.out, status.enabled ? limitLine(status) : "No limit.");
    },
  );
  withProvider(limit.command("set").description("set it; what is left out stays as it was"))
    .requiredOption("-a, --amount <dollars>", "the amount", dollars)
    .addOption(new Option("--period <period>", "when it starts again").choices([...spendPeriods]))
    .addOption(new Option("--action <action>", "what happens at it").choices([...spendActions]))
    .action(async ({ provider, amount, period, action, format }: Options, command: Command) => {
      const body = { provider, amount, period, action };
      const status = await serverOf(command, io).call("PUT /api/cloud/cost-limit", { body });
      if (format === "json") return printJson(io.out, status);
      printLine(io.out, limitLine(status));
    });
  withProvider(limit.command("disable").description("remove it")).action(
    async ({ provider, format }: Options, command: Command) => {
      const body = { provider, amount: null };
      const status = await serverOf(command, io).call("PUT /api/cloud/cost-limit", { body });
      if (format === "json") return printJson(io.out, status);
      printLine(io.out, "The limit is removed.");
    },
  );
}

function dollars(text: string): number {
  const amount = Number(text.replace(/^\$/, ""));
  if (!(amount >= 0.01)) throw new InvalidArgumentError("Give the amount in dollars, such as 50.");
  return amount;
}
