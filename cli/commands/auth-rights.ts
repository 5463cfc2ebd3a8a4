import type { Command } from "commander";
import type { PermissionVerdict } from "@simpletuner-cloud/contract/users.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { printJson, printLine, printTable, type OutputFormat } from "../output.ts";
import { findUser } from "../user-lookup.ts";

/** Adds `auth users permissions`, `assign-level`, `remove-level`, `set-permission` and `remove-permission`. */
export function addAuthRights(parent: Command, io: Io): void {
  addPermissions(parent, io);
  addLevelChanges(parent, io);
  addPermissionChanges(parent, io);
}

function reason({ because, levels }: PermissionVerdict): string {
  if (because === "level") return `level ${levels.join(", ")}`;
  if (because === "denied")
    return levels.length > 0 ? `taken away, though ${levels.join(", ")} holds it` : "taken away";
  return because === "granted" ? "given to this user" : "no level holds it";
}

function addPermissions(parent: Command, io: Io): void {
  parent
    .command("permissions")
    .description("list every permission; with a user, whether and why that user holds it")
    .argument("[user]", "name, e-mail or id")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (named: string | undefined, { format }: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      if (named === undefined) {
        const { permissions } = await server.call("GET /api/users/meta/permissions");
        if (format === "json") return printJson(io.out, permissions);
        for (const permission of permissions) printLine(io.out, permission);
        return;
      }
      const { id } = await findUser(server, named);
      const answer = await server.call("GET /api/users/{user_id}/permissions", { params: { user_id: id } });
      if (format === "json") return printJson(io.out, answer);
      printTable(io.out, answer.permissions, [
        { title: "PERMISSION", value: (verdict) => verdict.permission },
        { title: "MAY", value: (verdict) => (verdict.allowed ? "yes" : "no") },
        { title: "WHY", value: reason, maxWidth: 80 },
      ]);
    });
}

function addLevelChanges(parent: Command, io: Io): void {
  parent
    .command("assign-level")
    .description("give a user a level")
    .argument("<user>", "name, e-mail or id")
    .argument("<level>", "the level's name")
    .action(async (named: string, level_name: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const params = { user_id: (await findUser(server, named)).id };
      const user = await server.call("POST /api/users/{user_id}/levels", { params, body: { level_name } });
      printLine(io.out, `${user.username} holds: ${user.levels.map(({ name }) => name).join(", ")}.`);
    });
  parent
    .command("remove-level")
    .description("take a level from a user")
    .argument("<user>", "name, e-mail or id")
    .argument("<level>", "the level's name")
    .action(async (named: string, level_name: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const params = { user_id: (await findUser(server, named)).id, level_name };
      const user = await server.call("DELETE /api/users/{user_id}/levels/{level_name}", { params });
      printLine(
        io.out,
        `${user.username} holds: ${user.levels.map(({ name }) => name).join(", ") || "none"}.`,
      );
    });
}

function addPermissionChanges(parent: Command, io: Io): void {
  parent
    .command("set-permission")
    .description("give one permission to a user, or take it away whatever the levels say")
    .argument("<user>", "name, e-mail or id")
    .argument("<permission>", "such as job.submit; job.* names several")
    .option("--granted", "give it")
    .option("--denied", "take it away")
    .action(
      async (
        named: string,
        permission_name: string,
        { granted, denied }: { granted?: true; denied?: true },
        command: Command,
      ) => {
        if (granted === denied) throw new CommandFailure("Say either --granted or --denied.");
        const server = serverOf(command, io);
        const params = { user_id: (await findUser(server, named)).id };
        const body = { permission_name, granted: granted === true };
        const { username } = await server.call("POST /api/users/{user_id}/permissions", { params, body });
        printLine(io.out, `${permission_name} is ${granted ? "given to" : "taken from"} ${username}.`);
      },
    );
  parent
    .command("remove-permission")
    .description("leave a permission to the user's levels again")
    .argument("<user>", "name, e-mail or id")
    .argument("<permission>", "as it was set")
    .action(async (named: string, permission_name: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const params = { user_id: (await findUser(server, named)).id, permission_name };
      const { username } = await server.call("DELETE /api/users/{user_id}/permissions/{permission_name}", {
        params,
      });
      printLine(io.out, `${permission_name} of ${username} is left to the levels.`);
    });
}
