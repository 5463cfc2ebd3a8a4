import type { Command } from "commander";
import { serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printJson } from "../output.ts";

/** Adds `configs show`. */
export function addConfigsShow(parent: Command, io: Io): void {
  parent
    .command("show")
    .description("print a saved configuration as JSON")
    .argument("<name>", "name of the configuration")
    .action(async (name: string, _options: object, command: Command) => {
      printJson(io.out, await serverOf(command, io).call("GET /api/configs/{name}", { params: { name } }));
    });
}
