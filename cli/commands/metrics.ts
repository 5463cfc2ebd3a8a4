import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { metricCategories, type MetricsConfig, scrapeConfigOf } from "@simpletuner-cloud/contract/metrics.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { formatTime, printJson, printLine, printTable, styled, type OutputFormat } from "../output.ts";

/** Adds `metrics …`. */
export function addMetrics(parent: Command, io: Io): void {
  const metrics = parent.command("metrics").description("metrics for Prometheus");
  addStatus(metrics, io);
  addEnable(metrics, io);
  addDisable(metrics, io);
  addCategories(metrics, io);
  addTemplates(metrics, io);
  addPreview(metrics, io);
  addToken(metrics, io);
  addScrapeConfig(metrics, io);
}

function printConfig(io: Io, config: MetricsConfig): void {
  const state = config.prometheus_enabled ? styled(io.out, "green", "on") : "off";
  printLine(io.out, `The export is ${state}: ${config.endpoint_url}`);
  printLine(io.out, `Categories: ${config.prometheus_categories.join(", ") || "none"}`);
  printLine(
    io.out,
    config.token_made_at === null
      ? "Anybody who reaches the server may scrape. Have a token asked for with: metrics token"
      : `A scrape needs the token that was made ${formatTime(config.token_made_at)}.`,
  );
}

function addStatus(parent: Command, io: Io): void {
  parent
    .command("status", { isDefault: true })
    .description("whether metrics are exported, and which")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const config = await serverOf(command, io).call("GET /api/cloud/metrics/config");
      if (options.format === "json") return printJson(io.out, config);
      printConfig(io, config);
      if (!config.prometheus_enabled)
        printLine(io.out, "Turn it on with: metrics enable --template standard");
    });
}

function addEnable(parent: Command, io: Io): void {
  parent
    .command("enable")
    .description("export metrics; without options those that were chosen last")
    .option("--template <name>", "a set of categories: minimal, standard, security, full")
    .option("--categories <names...>", `these: ${metricCategories.join(", ")}`)
    .action(async (options: { template?: string; categories?: string[] }, command: Command) => {
      const { call } = serverOf(command, io);
      if (options.template !== undefined) {
        if (options.categories) throw new CommandFailure("Give either --template or --categories.");
        const params = { template: options.template };
        return printConfig(
          io,
          await call("POST /api/cloud/metrics/config/apply-template/{template}", { params }),
        );
      }
      const { categories } = options;
      const wrong = categories?.filter((name) => !(metricCategories as readonly string[]).includes(name));
      if (wrong && wrong.length > 0)
        throw new CommandFailure(
          `There is no category ${wrong.join(", ")}. Those that there are: ${metricCategories.join(", ")}.`,
        );
      const body = { prometheus_enabled: true, ...(categories && { prometheus_categories: categories }) };
      printConfig(io, await call("PUT /api/cloud/metrics/config", { body }));
    });
}

function addDisable(parent: Command, io: Io): void {
  parent
    .command("disable")
    .description("export no metrics any more")
    .action(async (_options: object, command: Command) => {
      const body = { prometheus_enabled: false };
      printConfig(io, await serverOf(command, io).call("PUT /api/cloud/metrics/config", { body }));
    });
}

function addCategories(parent: Command, io: Io): void {
  parent
    .command("categories")
    .description("categories with their metrics")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const categories = await serverOf(command, io).call("GET /api/cloud/metrics/config/categories");
      if (options.format === "json") return printJson(io.out, categories);
      const rows = categories.flatMap(({ id, details }) =>
        details.map((metric) => ({ category: id, ...metric })),
      );
      printTable(io.out, rows, [
        { title: "CATEGORY", value: (row) => row.category },
        { title: "METRIC", value: (row) => row.name },
        { title: "TYPE", value: (row) => row.type },
        { title: "LABELS", value: (row) => row.labels.join(", ") },
        { title: "WHAT", value: (row) => row.help, maxWidth: 80 },
      ]);
    });
}

function addTemplates(parent: Command, io: Io): void {
  parent
    .command("templates")
    .description("sets of categories for common uses")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const templates = await serverOf(command, io).call("GET /api/cloud/metrics/config/templates");
      if (options.format === "json") return printJson(io.out, templates);
      printTable(io.out, templates, [
        { title: "TEMPLATE", value: (each) => each.id },
        { title: "CATEGORIES", value: (each) => each.categories.join(", ") },
        { title: "FOR", value: (each) => each.description },
      ]);
    });
}

function addPreview(parent: Command, io: Io): void {
  parent
    .command("preview")
    .description("what a scrape would answer now; changes nothing")
    .option("--categories <names...>", "these instead of the chosen ones")
    .action(async (options: { categories?: string[] }, command: Command) => {
      const { content } = await serverOf(command, io).call("POST /api/cloud/metrics/config/preview", {
        body: options,
      });
      io.out.write(content);
    });
}

function addToken(parent: Command, io: Io): void {
  parent
    .command("token")
    .description("make the token that a scrape needs from now on, or remove it")
    .option("--remove", "let anybody who reaches the server scrape")
    .option("-o, --output <file>", "write it into this new file instead of showing it")
    .action(async (options: { remove?: boolean; output?: string }, command: Command) => {
      const { call } = serverOf(command, io);
      if (options.remove) return printConfig(io, await call("DELETE /api/cloud/metrics/config/token"));
      const { token } = await call("POST /api/cloud/metrics/config/token");
      if (options.output === undefined) {
        printLine(io.out, token);
        return printLine(
          io.err,
          "It is shown once. The one before, if there was one, does not hold any more.",
        );
      }
      const file = resolve(io.cwd, options.output);
      await writeFile(file, token, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
        printLine(io.out, token);
        throw new CommandFailure(`${file} was not written (${error.code}); the token is shown instead.`);
      });
      printLine(io.out, `The token is in ${file}.`);
    });
}

function addScrapeConfig(parent: Command, io: Io): void {
  parent
    .command("scrape-config")
    .description("what Prometheus needs to scrape this server, as YAML")
    .action(async (_options: object, command: Command) => {
      io.out.write(scrapeConfigOf(await serverOf(command, io).call("GET /api/cloud/metrics/config")));
    });
}
