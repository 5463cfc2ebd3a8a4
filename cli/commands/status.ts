import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { formatDuration, printJson, printLine, printTable, styled, type OutputFormat } from "../output.ts";

/** Adds `status`. */
export function addStatus(parent: Command, io: Io): void {
  parent
    .command("status")
    .description("show how the server, its queue and its providers are")
    .option("--providers", "ask the providers as well, which takes longer")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { providers?: boolean; format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const [health, queue, { providers }] = await Promise.all([
        server.call("GET /api/cloud/health", { query: { include_providers: options.providers === true } }),
        server.call("GET /api/queue/stats"),
        server.call("GET /api/cloud/providers"),
      ]);
      if (options.format === "json") return printJson(io.out, { health, queue, providers });
      const style = health.status === "healthy" ? "green" : "red";
      printLine(
        io.out,
        `${server.baseUrl} is ${styled(io.out, style, health.status)}, version ${health.version}, up ${formatDuration(health.uptime_seconds)}`,
      );
      for (const { name, status, message } of health.components) {
        if (status !== "healthy" || (options.providers && name.endsWith("_api")))
          printLine(io.out, `  ${name}: ${status}${message === null ? "" : `, ${message}`}`);
      }
      for (const loop of health.loops) {
        if (loop.status !== "healthy") printLine(io.out, `  loop ${loop.name}: ${loopTrouble(loop)}`);
      }
      printLine(
        io.out,
        `Queue: ${queue.queue_depth} waiting, ${queue.running} of ${queue.max_concurrent} running`,
      );
      printTable(io.out, providers, [
        { title: "PROVIDER", value: (provider) => provider.id },
        { title: "READY", value: (provider) => (provider.configured ? "yes" : "no") },
        {
          title: "TRAINER",
          value: (provider) =>
            provider.unavailable_reason ?? provider.trainer?.detail ?? provider.description,
          maxWidth: 100,
        },
      ]);
    });
}

function loopTrouble({
  failures_in_row,
  last_success_seconds_ago: ago,
}: {
  failures_in_row: number;
  last_success_seconds_ago: number | null;
}): string {
  const last = ago === null ? "no good round yet" : `last good round ${formatDuration(ago)} ago`;
  return failures_in_row > 1 ? `failed ${failures_in_row} times in a row, ${last}` : `late, ${last}`;
}
