import type { Command } from "commander";
import type { CircuitBreakerState } from "@simpletuner-cloud/contract/circuit-breakers.ts";
import type { ProviderStatus } from "@simpletuner-cloud/contract/provider-account.ts";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printJson, printLine, printTable, styled, type OutputFormat, withoutControls } from "../output.ts";

/** Adds `cloud status`. */
export function addCloudStatus(parent: Command, io: Io): void {
  parent
    .command("status")
    .description("show whether the providers can be used")
    .option("--replicate", "ask Replicate's status page as well")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { replicate?: true; format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const [{ providers }, { circuit_breakers }, replicate] = await Promise.all([
        server.call("GET /api/cloud/providers"),
        server.call("GET /api/cloud/circuit-breakers"),
        options.replicate ? server.call("GET /api/cloud/replicate/status") : null,
      ]);
      if (options.format === "json") return printJson(io.out, { providers, circuit_breakers, replicate });
      printTable(io.out, providers, [
        { title: "PROVIDER", value: ({ id }) => id },
        {
          title: "READY",
          value: ({ configured, unavailable_reason }) =>
            configured && unavailable_reason === null ? "yes" : "no",
        },
        {
          title: "NOTE",
          value: ({ unavailable_reason, trainer }) =>
            withoutControls(unavailable_reason ?? trainer?.detail ?? ""),
          maxWidth: 160,
        },
      ]);
      for (const breaker of circuit_breakers)
        if (breaker.state !== "closed") printLine(io.out, breakerLine(breaker));
      if (replicate) printStatusPage(io, replicate);
    });
}

function breakerLine({ name, state, retry_after }: CircuitBreakerState): string {
  const when = retry_after === null ? "is being tried again" : `is left alone for ${retry_after} s`;
  return `${withoutControls(name)} failed several times and ${state === "open" ? when : "is being tried again"}.`;
}

function printStatusPage(io: Io, status: ProviderStatus): void {
  if (status.operational === null)
    return printLine(io.out, `Replicate's status page: ${withoutControls(status.error ?? "")}`);
  const word = status.operational
    ? styled(io.out, "green", "operational")
    : styled(io.out, "red", "an incident");
  printLine(
    io.out,
    `Replicate's status page: ${word}${status.status_page_url ? ` (${withoutControls(status.status_page_url)})` : ""}`,
  );
  const all = [
    ...status.ongoing_incidents,
    ...status.in_progress_maintenances,
    ...status.scheduled_maintenances,
  ];
  for (const { name, status: state, message } of all)
    printLine(io.out, `  ${withoutControls([name, state, message].filter(Boolean).join(": "))}`);
}
