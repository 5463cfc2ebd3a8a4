import { resolve } from "node:path";
import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { counted, printJson, printLine, styled, type OutputFormat } from "../output.ts";
import { readJobInputs } from "../submit-request.ts";

interface Options {
  dataloader?: string;
  format: OutputFormat;
}

/** Adds `configs validate`. */
export function addConfigsValidate(parent: Command, io: Io): void {
  parent
    .command("validate")
    .description("check a saved configuration or a JSON file")
    .argument("<config>", "name of a saved configuration, or a JSON file")
    .option("-d, --dataloader <file>", "JSON file with the datasets")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (config: string, options: Options, command: Command) => {
      const server = serverOf(command, io);
      const inputs = readJobInputs(config, options.dataloader && resolve(io.cwd, options.dataloader), io.cwd);
      const result = inputs.config
        ? await server.call("POST /api/configs/validate", {
            body: { config: inputs.config, dataloader_config: inputs.dataloader_config },
          })
        : await server.call("POST /api/configs/{name}/validate", { params: { name: config } });
      if (options.format === "json") printJson(io.out, result);
      else {
        for (const { field, problem } of result.problems) {
          printLine(io.out, `${styled(io.out, "red", "problem")}  ${field}: ${problem}`);
        }
        for (const { field, problem } of result.warnings) {
          printLine(io.out, `${styled(io.out, "yellow", "warning")}  ${field}: ${problem}`);
        }
        if (result.valid) printLine(io.out, `${config} is valid.`);
      }
      if (!result.valid) {
        throw new CommandFailure(`${config} has ${counted(result.problems.length, "problem")}.`);
      }
    });
}
