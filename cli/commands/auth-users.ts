import type { Command } from "commander";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  formatTime,
  printJson,
  printLine,
  printTable,
  type OutputFormat,
  withoutControls,
} from "../output.ts";
import { givenPassword, type PasswordOptions, passwordOptions } from "../passwords.ts";
import { findUser } from "../user-lookup.ts";

/** Adds `auth users list`, `me`, `get`, `create`, `update`, `delete` and the switches. */
export function addAuthUsers(parent: Command, io: Io): void {
  addList(parent, io);
  addShow(parent, io);
  addCreate(parent, io);
  addUpdate(parent, io);
  addDelete(parent, io);
  addSwitches(parent, io);
}

function stateOf(user: User): string {
  if (!user.is_active) return "switched off";
  if (user.locked_until !== null) return "locked";
  return user.has_password || user.auth_provider !== "password" ? "active" : "invited";
}

const levelsOf = (user: User): string => user.levels.map(({ name }) => name).join(",") || "-";

function addList(parent: Command, io: Io): void {
  interface Options {
    includeInactive?: true;
    limit: number;
    offset: number;
    format: OutputFormat;
  }
  parent
    .command("list")
    .description("list users by name")
    .option("--include-inactive", "also those that are switched off")
    .option("-l, --limit <n>", "at most so many", wholeNumber(1, 500), 100)
    .option("-o, --offset <n>", "leave out so many", wholeNumber(0, 10_000_000), 0)
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ includeInactive, limit, offset, format }: Options, command: Command) => {
      const query = { limit, offset, include_inactive: includeInactive ?? false };
      const { users, total } = await serverOf(command, io).call("GET /api/users", { query });
      if (format === "json") return printJson(io.out, { users, total });
      printTable(io.out, users, [
        { title: "NAME", value: (user) => user.username },
        { title: "E-MAIL", value: (user) => withoutControls(user.email) },
        { title: "LEVELS", value: levelsOf },
        { title: "STATE", value: stateOf },
        {
          title: "LAST SIGN-IN",
          value: (user) => (user.last_login_at ? formatTime(user.last_login_at) : "never"),
        },
        { title: "ID", value: (user) => user.id },
      ]);
      const rest = total - offset - users.length;
      if (rest > 0) printLine(io.out, `and ${rest} more`);
    });
}

function printUser(io: Io, user: User, format: OutputFormat): void {
  if (format === "json") return printJson(io.out, user);
  const lines: [string, string][] = [
    ["Name", user.username],
    ["On screen", user.display_name ?? "-"],
    ["E-mail", user.email],
    ["State", stateOf(user)],
    ["Levels", levelsOf(user)],
    ["Permissions", user.permissions.join(", ") || "-"],
    ["Last sign-in", user.last_login_at ? formatTime(user.last_login_at) : "never"],
    ["Id", user.id],
  ];
  for (const [title, text] of lines) printLine(io.out, `${title.padEnd(12)}  ${withoutControls(text)}`);
}

function addShow(parent: Command, io: Io): void {
  parent
    .command("me")
    .description("show who you are")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      printUser(io, await serverOf(command, io).call("GET /api/users/me"), format);
    });
  parent
    .command("get")
    .description("show a user")
    .argument("<user>", "name, e-mail or id")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (named: string, { format }: { format: OutputFormat }, command: Command) => {
      printUser(io, await findUser(serverOf(command, io), named), format);
    });
}

interface CreateOptions extends PasswordOptions {
  username: string;
  email: string;
  displayName?: string;
  admin?: true;
  levels?: string;
  format: OutputFormat;
}

function addCreate(parent: Command, io: Io): void {
  const command = parent
    .command("create")
    .description("make a user; without a password a link to choose one is printed, this once")
    .requiredOption("-u, --username <name>", "name to sign in with")
    .requiredOption("-e, --email <address>", "address, to sign in with as well")
    .option("-d, --display-name <name>", "name on screen")
    .option("--admin", "an administrator")
    .option("--levels <names>", "levels, separated by commas (default: researcher)")
    .addOption(formatOption("-f, --format <format>"));
  passwordOptions(command).action(async (options: CreateOptions, made: Command) => {
    const password = givenPassword(options, io);
    const { user, invitation } = await serverOf(made, io).call("POST /api/users", {
      body: {
        username: options.username,
        email: options.email,
        display_name: options.displayName ?? null,
        ...(password !== null && { password }),
        ...(options.admin && { is_admin: true }),
        ...(options.levels !== undefined && {
          level_names: options.levels.split(",").map((level) => level.trim()),
        }),
      },
    });
    if (options.format === "json") return printJson(io.out, { user, invitation });
    printLine(io.out, `Made ${user.username} (${levelsOf(user)}).`);
    if (invitation)
      printLine(
        io.out,
        `Link to choose a password, until ${formatTime(invitation.expires_at)}: ${invitation.url}`,
      );
  });
}

interface UpdateOptions extends PasswordOptions {
  username?: string;
  email?: string;
  displayName?: string;
  active?: boolean;
  admin?: boolean;
}

function addUpdate(parent: Command, io: Io): void {
  const command = parent
    .command("update")
    .description("change a user; a new password and switching off end its sessions")
    .argument("<user>", "name, e-mail or id")
    .option("-u, --username <name>", "new name")
    .option("-e, --email <address>", "new address")
    .option("-d, --display-name <name>", "new name on screen; empty for none")
    .option("--active", "switch on")
    .option("--no-active", "switch off")
    .option("--admin", "make an administrator")
    .option("--no-admin", "take the level admin away");
  passwordOptions(command).action(async (named: string, options: UpdateOptions, made: Command) => {
    const server = serverOf(made, io);
    const password = givenPassword(options, io);
    const body = {
      ...(options.username !== undefined && { username: options.username }),
      ...(options.email !== undefined && { email: options.email }),
      ...(options.displayName !== undefined && { display_name: options.displayName || null }),
      ...(options.active !== undefined && { is_active: options.active }),
      ...(options.admin !== undefined && { is_admin: options.admin }),
      ...(password !== null && { password }),
    };
    if (Object.keys(body).length === 0)
      throw new CommandFailure("Say what to change; --help lists the options.");
    const { id } = await findUser(server, named);
    const user = await server.call("PATCH /api/users/{user_id}", { params: { user_id: id }, body });
    printLine(io.out, `Changed ${user.username}.`);
  });
}

function addDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("delete a user with its sessions and keys; its jobs stay")
    .argument("<user>", "name, e-mail or id")
    .option("--force", "do not ask")
    .action(async (named: string, { force }: { force?: true }, command: Command) => {
      const server = serverOf(command, io);
      const user = await findUser(server, named);
      if (!force) {
        if (!io.interactive)
          throw new CommandFailure("Deleting a user needs --force where nobody can be asked.");
        const { askYesNo } = await import("../questions.ts");
        if (!(await askYesNo(`Delete ${user.username} with its sessions and keys?`)))
          throw new CommandFailure("Nothing was deleted.");
      }
      await server.call("DELETE /api/users/{user_id}", { params: { user_id: user.id } });
      printLine(io.out, `Deleted ${user.username}.`);
    });
}

function addSwitches(parent: Command, io: Io): void {
  const acts = [
    ["activate", "switch a user on again", "Switched on"],
    ["deactivate", "switch a user off: sessions end, keys are refused", "Switched off"],
    ["unlock", "let a user sign in again after too many failed attempts", "Unlocked"],
  ] as const;
  for (const [act, description, done] of acts) {
    parent
      .command(act)
      .description(description)
      .argument("<user>", "name, e-mail or id")
      .action(async (named: string, _options: object, command: Command) => {
        const server = serverOf(command, io);
        const { id, username } = await findUser(server, named);
        await server.call(`POST /api/users/{user_id}/${act}`, { params: { user_id: id } });
        printLine(io.out, `${done} ${username}.`);
      });
  }
  addInviteAndSignOut(parent, io);
}

function addInviteAndSignOut(parent: Command, io: Io): void {
  parent
    .command("invite")
    .description("print a link with which a user chooses a new password, once")
    .argument("<user>", "name, e-mail or id")
    .action(async (named: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const { id } = await findUser(server, named);
      const { url } = await server.call("POST /api/users/{user_id}/invite", { params: { user_id: id } });
      printLine(io.out, url);
    });
  parent
    .command("sign-out")
    .description("end every session of a user")
    .argument("<user>", "name, e-mail or id")
    .action(async (named: string, _options: object, command: Command) => {
      const server = serverOf(command, io);
      const { id } = await findUser(server, named);
      const { ended } = await server.call("DELETE /api/users/{user_id}/sessions", {
        params: { user_id: id },
      });
      printLine(io.out, `Ended ${counted(ended, "session")}.`);
    });
}
