import type { Command } from "commander";
import type { CostSummary } from "@simpletuner-cloud/contract/cost.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import type { Io, TextSink } from "../io.ts";
import { counted, formatUsd, printJson, printLine, printTable, type OutputFormat } from "../output.ts";
import { limitLine } from "./cost-limit.ts";

/** Adds `cost summary`. */
export function addCostSummary(parent: Command, io: Io): void {
  parent
    .command("summary")
    .description("what was spent: this month, or the last so many days")
    .option("--days <n>", "the last n days instead of this month", wholeNumber(1, 365))
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { days?: number; format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const summary = await server.call("GET /api/cloud/cost/summary", {
        query: options.days === undefined ? {} : { days: options.days },
      });
      const { limits } = await server.call("GET /api/cloud/cost-limit");
      if (options.format === "json") return printJson(io.out, { ...summary, limits });
      printSummary(io.out, summary);
      for (const limit of limits) printLine(io.out, limitLine(limit));
    });
}

function printSummary(sink: TextSink, summary: CostSummary): void {
  const total = formatUsd(summary.total_cost_usd);
  printLine(
    sink,
    `${total} from ${summary.from} to ${summary.to} (UTC) for ${counted(summary.job_count, "job")}.`,
  );
  const { projection } = summary;
  if (projection.running_jobs + projection.waiting_jobs > 0)
    printLine(
      sink,
      `${counted(projection.running_jobs, "running job")} at ${formatUsd(projection.cost_per_hour_usd)} an hour, ${counted(projection.waiting_jobs, "waiting job")}; about ${formatUsd(projection.remaining_usd)} more until they end.`,
    );
  if (summary.job_count === 0) {
    printLine(sink, "Training on this machine costs nothing; jobs at a provider with a price show up here.");
    return;
  }
  const headings = [
    ["PROVIDER", summary.by_provider.map((row) => ({ name: row.provider, ...row }))],
    ["HARDWARE", summary.by_hardware.map((row) => ({ name: `${row.provider} ${row.hardware}`, ...row }))],
    ["USER", summary.by_user.map((row) => ({ name: row.username ?? row.user_id, ...row }))],
  ] as const;
  for (const [title, rows] of headings) {
    printLine(sink, "");
    printTable<{ name: string; jobs: number; cost_usd: number }>(sink, rows, [
      { title, value: (row) => row.name },
      { title: "JOBS", value: (row) => String(row.jobs), alignRight: true },
      { title: "COST", value: (row) => formatUsd(row.cost_usd), alignRight: true },
    ]);
  }
}
