import { basename } from "node:path";
import type { Command } from "commander";
import { serverOf } from "../command-options.ts";
import { CommandFailure, usageExitCode, type Io } from "../io.ts";
import { printLine } from "../output.ts";
import { readJobInputs } from "../submit-request.ts";

/** Adds `configs import`. */
export function addConfigsImport(parent: Command, io: Io): void {
  parent
    .command("import")
    .description("save a JSON file as a configuration on the server")
    .argument("<file>", "JSON file with the trainer's configuration")
    .option("--name <name>", "name to save it under (default: the file's name)")
    .option("-d, --dataloader <file>", "JSON file with the datasets, or the name of a saved list")
    .action(async (file: string, options: { name?: string; dataloader?: string }, command: Command) => {
      const inputs = readJobInputs(file, options.dataloader, io.cwd);
      if (!inputs.config) throw new CommandFailure(`config: ${file} is not a JSON file.`, usageExitCode);
      const name = options.name ?? basename(file).replace(/\.json$/, "");
      const saved = await serverOf(command, io).call("PUT /api/configs/{name}", {
        params: { name },
        body: {
          config: inputs.config,
          dataloader_config: inputs.dataloader_config,
          dataloader_name: inputs.dataloader_name,
        },
      });
      printLine(io.out, `Saved ${saved.name}. Train with: npx simpletuner-cloud jobs submit ${saved.name}`);
    });
}
