import { Option, type Command } from "commander";
import {
  type AuditExport,
  type AuditExportFormat,
  auditExportFormats,
} from "@simpletuner-cloud/contract/audit-export.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { formatCount, formatTime, printJson, printLine, type OutputFormat } from "../output.ts";
import { givenSecret } from "../secret-input.ts";

interface Credential {
  scheme?: string;
  tokenFile?: string;
  token: boolean;
}

interface SetOptions extends Credential {
  as: AuditExportFormat;
  securityOnly?: boolean;
  from?: "now" | "beginning";
  format: OutputFormat;
}

interface TestOptions extends Credential {
  as?: AuditExportFormat;
  format: OutputFormat;
}

/** Adds `export-config …` to `audit`: sending the audit to a collector. */
export function addAuditExport(parent: Command, io: Io): void {
  const command = parent
    .command("export-config")
    .description("send the audit to a collector such as a SIEM, entry by entry");
  addShow(command, io);
  addSet(command, io);
  addTest(command, io);
  addResume(command, io);
  addOff(command, io);
}

function entryFormat(): Option {
  return new Option("--as <format>", "how an entry is written").choices(auditExportFormats);
}

function withCredential(command: Command): Command {
  return command
    .option("--token-file <file>", 'the token is the first line of this file; "-" reads it from the input')
    .option("--no-token", "send no token, and forget the one that is set")
    .option("--scheme <name>", "the scheme before the token, such as Bearer or Splunk (default: ApiKey)")
    .addOption(formatOption("-f, --format <format>"));
}

function credentialOf({ scheme, tokenFile, token }: Credential, io: Io) {
  const given = givenSecret({ value: undefined, file: tokenFile, fileOption: "--token-file" }, io);
  if (given !== null && !token) throw new CommandFailure("Give --token-file or --no-token, not both.");
  return {
    ...(scheme !== undefined && { auth_scheme: scheme }),
    ...(given !== null && { auth_token: given }),
    ...(!token && { auth_token: null }),
  };
}

function addShow(parent: Command, io: Io): void {
  parent
    .command("show", { isDefault: true })
    .description("where the audit is sent to, and how far that has come")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      print(io, format, await serverOf(command, io).call("GET /api/audit/export-config"));
    });
}

function addSet(parent: Command, io: Io): void {
  withCredential(
    parent
      .command("set")
      .description("send the audit to this address, or change how")
      .argument("<url>", "where entries are posted to")
      .addOption(entryFormat().default("json"))
      .option("--security-only", "only refused sign-ins, permissions, deliveries and rates")
      .addOption(
        new Option(
          "--from <start>",
          "now, or first everything that is in the database (default: on from where it is)",
        ).choices(["now", "beginning"]),
      ),
  ).action(async (url: string, { as, securityOnly, from, format, ...rest }: SetOptions, command: Command) => {
    const body = {
      format: as,
      webhook_url: url,
      security_only: securityOnly === true,
      ...(from && { start: from }),
      ...credentialOf(rest, io),
    };
    print(io, format, await serverOf(command, io).call("PUT /api/audit/export-config", { body }));
  });
}

function addTest(parent: Command, io: Io): void {
  withCredential(
    parent
      .command("test")
      .description(
        "send one event that is none and tell what the collector answers; exits with 1 when it is not good",
      )
      .argument("[url]", "another address than the one that is set")
      .addOption(entryFormat()),
  ).action(async (url: string | undefined, { as, format, ...rest }: TestOptions, command: Command) => {
    const body = {
      ...(as && { format: as }),
      ...(url !== undefined && { webhook_url: url }),
      ...credentialOf(rest, io),
    };
    const trial = await serverOf(command, io).call("POST /api/audit/export-config/test", { body });
    if (format === "json") printJson(io.out, trial);
    if (!trial.ok) throw new CommandFailure(trial.problem ?? "The collector does not take the event.");
    if (format === "table")
      printLine(io.out, `The collector took the event (status ${trial.status}, ${trial.latency_ms} ms).`);
  });
}

function addResume(parent: Command, io: Io): void {
  parent
    .command("resume")
    .description("try again after a refusal")
    .option(
      "--skip <id>",
      "leave the refused entry out: the collector never gets it, and the audit tells so",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ skip, format }: { skip?: number; format: OutputFormat }, command: Command) => {
      const body = skip === undefined ? {} : { skip_entry: skip };
      print(io, format, await serverOf(command, io).call("POST /api/audit/export-config/resume", { body }));
    });
}

function addOff(parent: Command, io: Io): void {
  parent
    .command("off")
    .description("send nothing more, and forget the address and the token")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      print(io, format, await serverOf(command, io).call("DELETE /api/audit/export-config"));
    });
}

const statusWords: Record<AuditExport["status"], string> = {
  off: "off",
  up_to_date: "the collector has every entry",
  sending: "on its way",
  retrying: "the collector does not take entries, trying again",
  stopped: "stopped: the collector refused an entry",
};

function print(io: Io, format: OutputFormat, state: AuditExport): void {
  if (format === "json") return printJson(io.out, state);
  if (state.status === "off")
    return printLine(
      io.out,
      "The audit is not sent to a collector. `audit export-config set <url>` does that.",
    );
  const lines: [string, string | null][] = [
    ["Address", state.webhook_url],
    ["Format", `${state.format}${state.security_only ? ", security only" : ""}`],
    ["Token", state.auth_token_set ? `set (${state.auth_scheme})` : "none"],
    ["State", statusWords[state.status]],
    ["Sent", sentWords(state)],
    ["Waiting", state.waiting === 1 ? "1 entry" : `${formatCount(state.waiting)} entries`],
    ["Problem", state.problem],
    ["Since", sinceWords(state)],
    ["Next try", state.next_try_at && formatTime(state.next_try_at)],
  ];
  for (const [name, value] of lines)
    if (value !== null) printLine(io.out, `${`${name}:`.padEnd(10)}${value}`);
  if (state.status === "stopped")
    printLine(
      io.out,
      `Set it right and run \`audit export-config resume\`, or leave entry ${state.problem_entry} out with --skip ${state.problem_entry}.`,
    );
}

function sentWords({ last_sent_id: id, last_sent_at: at }: AuditExport): string {
  return id === null || at === null ? "nothing yet" : `up to entry ${formatCount(id)}, ${formatTime(at)}`;
}

function sinceWords({ failing_since: since, attempts }: AuditExport): string | null {
  return since && `${formatTime(since)} (${attempts === 1 ? "1 try" : `${formatCount(attempts)} tries`})`;
}
