import type { Command } from "commander";
import type { RateLimitUsage } from "@simpletuner-cloud/contract/rate-limits.ts";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { formatTime, type OutputFormat, printJson, printLine, printTable } from "../output.ts";

/** Adds `rate-limits list`, `usage` and `reset`. */
export function addRateLimits(parent: Command, io: Io): void {
  const limits = parent
    .command("rate-limits")
    .description("how many requests a client may make, and who has used how much of it");
  addList(limits, io);
  addUsage(limits, io);
  addReset(limits, io);
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list the rules; the first that matches a request holds")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const answer = await serverOf(command, io).call("GET /api/cloud/rate-limits");
      if (options.format === "json") return printJson(io.out, answer);
      if (!answer.enabled)
        return printLine(io.out, "Rate limits are off: the server was started with RATE_LIMIT_CALLS=0.");
      if (answer.suspended_since !== null)
        printLine(
          io.err,
          `Requests are not counted since ${formatTime(answer.suspended_since)}: the state backend does not answer, and nobody can sign in.`,
        );
      printTable(io.out, answer.rules, [
        { title: "RULE", value: (rule) => rule.name },
        { title: "METHODS", value: (rule) => rule.methods?.join(",") ?? "all" },
        { title: "PATH", value: (rule) => rule.pattern },
        { title: "LIMIT", value: (rule) => String(rule.limit) },
        { title: "SIGNED IN", value: (rule) => String(rule.signed_in_limit) },
        { title: "SECONDS", value: (rule) => String(rule.window_seconds) },
        { title: "ALLOWED", value: (rule) => String(rule.requests.allowed) },
        { title: "REFUSED", value: (rule) => String(rule.requests.refused) },
      ]);
    });
}

function addUsage(parent: Command, io: Io): void {
  parent
    .command("usage")
    .description("show how much of each rule a client has used")
    .argument("<client>", "an address, a user's name, or user:<id> or job:<id> as the audit says")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (client: string, options: { format: OutputFormat }, command: Command) => {
      const usage = await serverOf(command, io).call("GET /api/cloud/rate-limits/usage", {
        query: { client },
      });
      printUsage(io, usage, options.format);
    });
}

function addReset(parent: Command, io: Io): void {
  parent
    .command("reset")
    .description("let a client through again at once, on every replica")
    .argument("<client>", "an address, a user's name, or user:<id> or job:<id> as the audit says")
    .option("--rule <name>", "of this rule only")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (client: string, options: { rule?: string; format: OutputFormat }, command: Command) => {
      const { rule, format } = options;
      const usage = await serverOf(command, io).call("POST /api/cloud/rate-limits/reset", {
        body: { client, ...(rule !== undefined && { rule }) },
      });
      printUsage(io, usage, format);
    });
}

function printUsage(io: Io, usage: RateLimitUsage, format: OutputFormat): void {
  if (format === "json") return printJson(io.out, usage);
  if (usage.rules.length === 0)
    return printLine(io.out, `${usage.client} has used nothing of any rate limit.`);
  printTable(io.out, usage.rules, [
    { title: "RULE", value: ({ rule }) => rule },
    { title: "USED", value: ({ used, limit }) => `${used} of ${limit}` },
    { title: "SECONDS", value: ({ window_seconds }) => String(window_seconds) },
    { title: "NEXT IN", value: ({ retry_after_seconds }) => `${retry_after_seconds} s` },
  ]);
}
