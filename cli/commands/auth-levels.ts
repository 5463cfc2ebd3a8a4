import type { Command } from "commander";
import type { Level } from "@simpletuner-cloud/contract/levels.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { printJson, printLine, printTable, type OutputFormat, withoutControls } from "../output.ts";
import type { ServerConnection } from "../server-address.ts";

/** Adds `auth users levels list`, `create`, `update` and `delete`. */
export function addAuthLevels(parent: Command, io: Io): void {
  const levels = parent.command("levels").description("levels: named sets of permissions that users hold");
  addList(levels, io);
  addCreate(levels, io);
  addUpdate(levels, io);
  addDelete(levels, io);
}

async function findLevel({ call }: ServerConnection, named: string): Promise<Level> {
  const { levels } = await call("GET /api/users/meta/levels");
  const level = levels.find(({ id, name }) => id === named || name.toLowerCase() === named.toLowerCase());
  if (!level)
    throw new CommandFailure(
      `There is no level ${named}. Known levels: ${levels.map(({ name }) => name).join(", ")}.`,
    );
  return level;
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list levels, the strongest first")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const { levels } = await serverOf(command, io).call("GET /api/users/meta/levels");
      if (format === "json") return printJson(io.out, levels);
      printTable(io.out, levels, [
        { title: "LEVEL", value: (level) => level.name },
        { title: "RANK", value: (level) => String(level.priority), alignRight: true },
        { title: "USERS", value: (level) => String(level.user_count), alignRight: true },
        { title: "BUILT IN", value: (level) => (level.is_system ? "yes" : "no") },
        { title: "HOLDS", value: (level) => level.permissions.join(","), maxWidth: 60 },
        { title: "FOR", value: (level) => withoutControls(level.description), maxWidth: 60 },
      ]);
    });
}

interface LevelOptions {
  name?: string;
  description?: string;
  priority?: number;
  permissions?: string;
}

function listed(text: string): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function addCreate(parent: Command, io: Io): void {
  parent
    .command("create")
    .description("make a level of your own")
    .argument("<name>", "letters, digits, dashes and underscores")
    .requiredOption("--permissions <list>", "what it holds, separated by commas; job.* names several")
    .option("--description <text>", "what it is for")
    .option("--priority <n>", "rank from 0 to 1000", wholeNumber(0, 1000), 0)
    .action(async (name: string, options: LevelOptions, command: Command) => {
      const level = await serverOf(command, io).call("POST /api/users/levels", {
        body: {
          name,
          description: options.description ?? "",
          priority: options.priority ?? 0,
          permission_names: listed(options.permissions ?? ""),
        },
      });
      printLine(io.out, `Made the level ${level.name}.`);
    });
}

function addUpdate(parent: Command, io: Io): void {
  parent
    .command("update")
    .description("change a level of your own; it holds at once for everybody who has it")
    .argument("<level>", "name or id")
    .option("--name <name>", "new name")
    .option("--permissions <list>", "what it holds from now on, separated by commas")
    .option("--description <text>", "what it is for")
    .option("--priority <n>", "rank from 0 to 1000", wholeNumber(0, 1000))
    .action(async (named: string, options: LevelOptions, command: Command) => {
      const server = serverOf(command, io);
      const { id } = await findLevel(server, named);
      const level = await server.call("PUT /api/users/levels/{level_id}", {
        params: { level_id: id },
        body: {
          ...(options.name !== undefined && { name: options.name }),
          ...(options.description !== undefined && { description: options.description }),
          ...(options.priority !== undefined && { priority: options.priority }),
          ...(options.permissions !== undefined && { permission_names: listed(options.permissions) }),
        },
      });
      printLine(io.out, `Changed the level ${level.name}.`);
    });
}

function addDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("delete a level of your own, and take it from everybody who has it")
    .argument("<level>", "name or id")
    .action(async (named: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const { id, name } = await findLevel(server, named);
      await server.call("DELETE /api/users/levels/{level_id}", { params: { level_id: id } });
      printLine(io.out, `Deleted the level ${name}.`);
    });
}
