import type { Command } from "commander";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import {
  PutProviderConfig,
  type ProviderConfigAnswer,
} from "@simpletuner-cloud/contract/provider-settings.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io, usageExitCode } from "../io.ts";
import {
  formatTime,
  printJson,
  printLine,
  printTable,
  type OutputFormat,
  withoutControls,
} from "../output.ts";

/** Adds `cloud config show` and `set`; answers the command that further ones are added to. */
export function addCloudConfig(parent: Command, io: Io): Command {
  const config = parent.command("config").description("settings of a provider, and its token");
  addShow(config, io);
  addSet(config, io);
  return config;
}

interface Options {
  provider: string;
  format: OutputFormat;
  acknowledgeSslRisk?: true;
}

const route = "/api/cloud/providers/{provider}/config";

function addShow(parent: Command, io: Io): void {
  parent
    .command("show")
    .description("show every setting that holds, and which of them were set")
    .option("-p, --provider <id>", "the provider", "replicate")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ provider, format }: Options, command: Command) => {
      const answer = await serverOf(command, io).call(`GET ${route}`, { params: { provider } });
      if (format === "json") return printJson(io.out, answer);
      printSettings(io, answer);
    });
}

function printSettings(io: Io, { config, set, updated_at, updated_by }: ProviderConfigAnswer): void {
  const rows = Object.entries(config).map(([name, value]) => ({
    name,
    value: shown(value),
    from: set.includes(name) ? "set" : "default",
  }));
  printTable(io.out, rows, [
    { title: "SETTING", value: (row) => row.name },
    { title: "VALUE", value: (row) => withoutControls(row.value), maxWidth: 80 },
    { title: "FROM", value: (row) => row.from },
  ]);
  if (updated_at)
    printLine(io.out, `Changed last ${formatTime(updated_at)} by ${withoutControls(updated_by ?? "")}.`);
}

function shown(value: unknown): string {
  if (value === null) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "all" : value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const riskQuestion =
  "Disabling SSL verification is a security risk. Only do this if you have a self-signed certificate or are behind a corporate proxy. Continue?";

function addSet(parent: Command, io: Io): void {
  parent
    .command("set")
    .description("change a setting; without a value it goes back to its default")
    .argument("<key>", "its name, as `show` prints it")
    .argument("[value]", "lists separated by commas, hardware_info as JSON")
    .option("-p, --provider <id>", "the provider", "replicate")
    .option("--acknowledge-ssl-risk", "confirm what `ssl_verify false` means, instead of being asked")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (key: string, value: string | undefined, options: Options, command: Command) => {
      const name = key.replaceAll("-", "_");
      const body: Record<string, unknown> = { [name]: valueOf(name, value) };
      if (name === "ssl_verify" && body[name] === false)
        body["ssl_risk_acknowledged"] = options.acknowledgeSslRisk ?? (await confirmed(io));
      const { provider } = options;
      const answer = await serverOf(command, io)
        .call(`PUT ${route}`, { params: { provider }, body })
        .catch(tellHowToConfirm);
      if (options.format === "json") return printJson(io.out, answer);
      const now = (answer.config as Record<string, unknown>)[name];
      printLine(
        io.out,
        `${name}: ${withoutControls(shown(now))}${answer.set.includes(name) ? "" : " (default)"}`,
      );
    });
}

function tellHowToConfirm(error: unknown): never {
  if (error instanceof ApiError && error.code === "ssl_risk_not_acknowledged")
    throw new CommandFailure(`${riskQuestion} Then confirm with --acknowledge-ssl-risk.`);
  throw error;
}

async function confirmed(io: Io): Promise<boolean> {
  if (!io.interactive) return false;
  const { askYesNo } = await import("../questions.ts");
  if (await askYesNo(riskQuestion)) return true;
  throw new CommandFailure("Nothing was changed.");
}

/** What may be set, with its schema; `null` clears it. */
const settable = Object.entries(PutProviderConfig.properties).filter(
  ([name]) => !["version", "ssl_risk_acknowledged"].includes(name),
);

/** The value of a setting as its schema wants it; anything that makes no sense is left to the server to refuse. */
function valueOf(name: string, text: string | undefined): unknown {
  const [, schema] = settable.find(([known]) => known === name) ?? [];
  if (!schema)
    throw new CommandFailure(
      `There is no setting "${name}". There are: ${settable.map(([known]) => known).join(", ")}.`,
      usageExitCode,
    );
  if (text === undefined || text === "") return null;
  switch (typeOf(schema)) {
    case "boolean":
      return /^(true|yes|on|1)$/i.test(text) ? true : /^(false|no|off|0)$/i.test(text) ? false : text;
    case "integer":
    case "number":
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case "array":
      return text.split(",").map((each) => each.trim());
    case "object":
      return parsed(text);
    default:
      return text;
  }
}

function typeOf(schema: object): string | undefined {
  const { type, anyOf } = schema as { type?: string; anyOf?: { type?: string }[] };
  return type ?? anyOf?.[0]?.type;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandFailure("The value must be JSON.", usageExitCode);
  }
}
