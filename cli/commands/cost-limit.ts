import { type Command, Option } from "commander";
import { type CostLimitStatus, spendActions, spendPeriods } from "@simpletuner-cloud/contract/cost.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io, usageExitCode } from "../io.ts";
import {
  formatTime,
  formatUsd,
  printJson,
  printLine,
  type OutputFormat,
  withoutControls,
} from "../output.ts";

/** Adds `cost limit get` and `cost limit set`. */
export function addCostLimit(parent: Command, io: Io): void {
  const limit = parent.command("limit").description("limits on spending");
  addGet(limit, io);
  addSet(limit, io);
}

function addGet(parent: Command, io: Io): void {
  parent
    .command("get")
    .description("show every limit and where it stands")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const { limits } = await serverOf(command, io).call("GET /api/cloud/cost-limit");
      if (options.format === "json") return printJson(io.out, limits);
      if (limits.length === 0)
        return printLine(
          io.out,
          "No limit. Set one with: npx simpletuner-cloud cost limit set 50 --period monthly --action block",
        );
      for (const limit of limits) printLine(io.out, limitLine(limit));
    });
}

interface SetOptions {
  provider?: string;
  period?: (typeof spendPeriods)[number];
  action?: (typeof spendActions)[number];
  sliceMinutes?: number;
  format: OutputFormat;
}

function addSet(parent: Command, io: Io): void {
  parent
    .command("set")
    .description("set a limit, or remove it with `none`; what is left out stays as it was")
    .argument("<dollars>", "the amount, or `none`")
    .option("--provider <id>", "for one provider (default: all together)")
    .addOption(new Option("--period <period>", "when it starts again").choices([...spendPeriods]))
    .addOption(
      new Option(
        "--action <action>",
        "warn; block: refuse new jobs; require_approval: the same for now; stop: block, and stop running jobs in time",
      ).choices([...spendActions]),
    )
    .option(
      "--slice-minutes <n>",
      "with `stop`: reserved ahead for each running job (default 10)",
      wholeNumber(2, 120),
    )
    .addOption(formatOption("-f, --format <format>"))
    .action(async (text: string, options: SetOptions, command: Command) => {
      const { provider, period, action, sliceMinutes, format } = options;
      const status = await serverOf(command, io).call("PUT /api/cloud/cost-limit", {
        body: { amount: amountOf(text), provider, period, action, slice_minutes: sliceMinutes },
      });
      if (format === "json") return printJson(io.out, status);
      printLine(io.out, status.enabled ? limitLine(status) : "The limit is removed.");
    });
}

function amountOf(text: string): number | null {
  if (text === "none") return null;
  const amount = Number(text.replace(/^\$/, ""));
  if (!(amount >= 0.01))
    throw new CommandFailure("Give the amount in dollars, such as 50, or `none`.", usageExitCode);
  return amount;
}

const actionWords = {
  warn: "only warns",
  block: "refuses new jobs",
  require_approval: "refuses new jobs until they can be approved",
  stop: "refuses new jobs and stops running ones in time",
} as const;

/** One line about a limit: whose, how much of it is used, what it does and when it starts again. */
export function limitLine(limit: CostLimitStatus): string {
  const whose = limit.provider === null ? "All providers" : withoutControls(limit.provider);
  const used = `${formatUsd(limit.current_spend)} of ${formatUsd(limit.limit_amount ?? 0)} ${limit.period ?? ""}`;
  const aside = limit.set_aside > 0 ? `, ${formatUsd(limit.set_aside)} set aside` : "";
  const acts = limit.action === null ? "" : `; ${actionWords[limit.action]}`;
  const again = limit.resets_at === null ? "" : `; starts again ${formatTime(limit.resets_at)}`;
  return `${whose}: ${used} (${limit.percent_used} %)${aside}${acts}${again}.`;
}
