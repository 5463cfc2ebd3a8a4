import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Option, type Command } from "commander";
import { errorOf } from "@simpletuner-cloud/contract/client.ts";
import type { AuditBreak, AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { addAuditExport } from "./audit-export.ts";
import {
  formatCount,
  formatTime,
  printJson,
  printLine,
  printTable,
  styled,
  type OutputFormat,
} from "../output.ts";

interface Filters {
  type?: string;
  actor?: string;
  targetType?: string;
  target?: string;
  since?: string;
  until?: string;
}

interface Page {
  limit: number;
  offset: number;
  format: OutputFormat;
}

/** Adds `audit …`: who did what, and whether the record is whole. */
export function addAudit(parent: Command, io: Io): void {
  const audit = parent.command("audit").description("who did what, kept in a chain that shows any change");
  addList(audit, io);
  addUser(audit, io);
  addSecurity(audit, io);
  addStats(audit, io);
  addTypes(audit, io);
  addVerify(audit, io);
  addExport(audit, io);
  addAuditExport(audit, io);
}

function withFilters(command: Command): Command {
  return command
    .option("--type <types>", "only these types of entries, with commas between")
    .option("--actor <id>", "only what this user did")
    .option("--target-type <type>", "only entries about this kind of thing, such as job or user")
    .option("--target <id>", "only entries about this thing")
    .option("--since <time>", "from this instant on, as in 2026-01-31T00:00:00Z")
    .option("--until <time>", "before this instant");
}

function withPage(command: Command): Command {
  return command
    .option("-n, --limit <entries>", "so many entries (1-500)", wholeNumber(1, 500), 50)
    .option("--offset <entries>", "skip so many", wholeNumber(0, 10_000_000), 0)
    .addOption(formatOption("-f, --format <format>"));
}

function queryOf({ type, actor, targetType, target, since, until }: Filters) {
  return {
    event_type: type,
    actor_id: actor,
    target_type: targetType,
    target_id: target,
    since: instantOf("--since", since),
    until: instantOf("--until", until),
  };
}

function instantOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new CommandFailure(`${option}: "${text}" is not a time like 2026-01-31T00:00:00Z.`);
  return new Date(ms).toISOString();
}

function addList(parent: Command, io: Io): void {
  withPage(withFilters(parent.command("list").description("entries, newest first"))).action(
    async ({ limit, offset, format, ...filters }: Page & Filters, command: Command) => {
      const query = { ...queryOf(filters), limit, offset };
      print(io, format, await serverOf(command, io).call("GET /api/audit", { query }));
    },
  );
}

function addUser(parent: Command, io: Io): void {
  withPage(parent.command("user").description("what one user did").argument("<id>", "the user's id")).action(
    async (id: string, { format, ...query }: Page, command: Command) => {
      const server = serverOf(command, io);
      print(
        io,
        format,
        await server.call("GET /api/audit/user/{user_id}", { params: { user_id: id }, query }),
      );
    },
  );
}

function addSecurity(parent: Command, io: Io): void {
  withPage(
    parent.command("security").description("refused sign-ins, permissions, deliveries and rates"),
  ).action(async ({ format, ...query }: Page, command: Command) => {
    print(io, format, await serverOf(command, io).call("GET /api/audit/security", { query }));
  });
}

function print(io: Io, format: OutputFormat, page: { entries: AuditEntry[]; total: number }): void {
  if (format === "json") return printJson(io.out, page);
  if (page.entries.length === 0) return printLine(io.out, "No entries.");
  printTable(io.out, page.entries, [
    { title: "#", value: (entry) => String(entry.id), alignRight: true },
    { title: "TIME", value: (entry) => formatTime(entry.timestamp) },
    { title: "TYPE", value: (entry) => entry.event_type },
    { title: "ACTOR", value: (entry) => entry.actor_username ?? entry.actor_id ?? "" },
    { title: "FROM", value: (entry) => entry.actor_ip ?? "" },
    { title: "TARGET", value: (entry) => entry.target_name ?? entry.target_id ?? "" },
    { title: "DETAILS", value: (entry) => detailsOf(entry) },
  ]);
  printLine(io.out, `${page.entries.length} of ${formatCount(page.total)} entries`);
}

function detailsOf({ details }: AuditEntry): string {
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
    .slice(0, 80);
}

function addStats(parent: Command, io: Io): void {
  parent
    .command("stats")
    .description("how many entries there are")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const stats = await serverOf(command, io).call("GET /api/audit/stats");
      if (format === "json") return printJson(io.out, stats);
      printTable(io.out, Object.entries(stats.by_type), [
        { title: "TYPE", value: ([type]) => type },
        { title: "ENTRIES", value: ([, entries]) => String(entries), alignRight: true },
      ]);
      printLine(
        io.out,
        `${formatCount(stats.total_entries)} entries, ${formatCount(stats.last_24h)} in the last 24 hours.`,
      );
    });
}

function addTypes(parent: Command, io: Io): void {
  parent
    .command("types")
    .description("every type of entry")
    .action(async (_options: object, command: Command) => {
      const { types } = await serverOf(command, io).call("GET /api/audit/types");
      for (const type of types) printLine(io.out, type);
    });
}

const reasons: Record<AuditBreak["reason"], string> = {
  changed: "changed after it was written",
  missing: "taken out",
  cut_off: "taken away from the end",
  other_key: "sealed with a key this server does not have",
};

function addVerify(parent: Command, io: Io): void {
  parent
    .command("verify")
    .description("check the chain; exits with 1 when it does not hold")
    .option("--from <id>", "from this entry on", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--to <id>", "up to this entry", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addOption(formatOption("-f, --format <format>"))
    .action(
      async (
        { from, to, format }: { from?: number; to?: number; format: OutputFormat },
        command: Command,
      ) => {
        const query = { start_id: from, end_id: to };
        const check = await serverOf(command, io).call("GET /api/audit/verify", { query });
        if (format === "json") printJson(io.out, check);
        else
          for (const { id, last_id, reason } of check.broken_links)
            printLine(
              io.out,
              styled(
                io.out,
                "red",
                `${id === last_id ? `Entry ${id}` : `Entries ${id} to ${last_id}`}: ${reasons[reason]}`,
              ),
            );
        const checked = `${formatCount(check.entries_checked)} entries`;
        if (!check.valid) throw new CommandFailure(`The audit does not hold (${checked} checked).`);
        if (format === "table") printLine(io.out, `The audit is whole: ${checked} checked.`);
      },
    );
}

function addExport(parent: Command, io: Io): void {
  withFilters(
    parent
      .command("export")
      .description("write entries to a file or the screen, oldest first")
      .argument("[file]", "where to; - is the screen", "-")
      .addOption(
        new Option("--as <format>", "one JSON object a line, or a table")
          .choices(["jsonl", "csv"])
          .default("jsonl"),
      ),
  ).action(async (file: string, { as, ...filters }: Filters & { as: string }, command: Command) => {
    const { open } = serverOf(command, io);
    const given = Object.entries(queryOf(filters)).filter(
      (pair): pair is [string, string] => pair[1] !== undefined,
    );
    const query = new URLSearchParams([["format", as], ...given]);
    const response = await open(`/api/audit/export?${query}`, {}, io.interrupted);
    if (!response.ok || !response.body) throw await errorOf(response);
    const lines = Readable.from(response.body);
    if (file !== "-") return pipeline(lines, createWriteStream(file, { flags: "wx", mode: 0o600 }));
    const decoder = new TextDecoder();
    for await (const chunk of lines) io.out.write(decoder.decode(chunk as Uint8Array, { stream: true }));
  });
}
