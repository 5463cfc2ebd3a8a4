import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { formatTime, printJson, printLine, printTable, type OutputFormat } from "../output.ts";

/** Adds `configs list`. */
export function addConfigsList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list saved configurations")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const { configs } = await serverOf(command, io).call("GET /api/configs");
      if (options.format === "json") return printJson(io.out, configs);
      if (configs.length === 0) {
        return printLine(
          io.out,
          "No saved configurations. Save one with: npx simpletuner-cloud configs import <file>",
        );
      }
      printTable(io.out, configs, [
        { title: "NAME", value: (config) => config.name },
        { title: "MODEL", value: (config) => config.model_family ?? "" },
        { title: "STEPS", value: (config) => String(config.max_train_steps ?? ""), alignRight: true },
        { title: "DATASETS", value: (config) => config.dataloader_name ?? "" },
        { title: "CHANGED", value: (config) => formatTime(config.updated_at) },
      ]);
    });
}
