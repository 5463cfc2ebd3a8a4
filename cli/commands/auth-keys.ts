import type { Command } from "commander";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  formatTime,
  printJson,
  printLine,
  printTable,
  type OutputFormat,
  withoutControls,
} from "../output.ts";
import { passwordFor, type PasswordOptions, passwordOptions } from "../passwords.ts";
import { withSession } from "../sign-in.ts";

/** Adds `auth keys create`, `list` and `revoke`. */
export function addAuthKeys(parent: Command, io: Io): void {
  const keys = parent.command("keys").description("API keys, with which programs call the server");
  addCreate(keys, io);
  addList(keys, io);
  addRevoke(keys, io);
}

interface CreateOptions extends PasswordOptions {
  username?: string;
  days?: number;
  scopes?: string;
  format: OutputFormat;
}

function addCreate(parent: Command, io: Io): void {
  const command = parent
    .command("create")
    .description("make an API key; it is shown this once")
    .argument("<name>", "what it is for, such as laptop")
    .option("-u, --username <name>", "sign in as this user for it, instead of with SIMPLETUNER_API_KEY")
    .option("--days <n>", "runs out after so many days", wholeNumber(1, 365))
    .option("--scopes <permissions>", "what it may do, separated by commas; default: all that you may")
    .addOption(formatOption("-f, --format <format>"));
  passwordOptions(command).action(async (name: string, options: CreateOptions, made: Command) => {
    const body = {
      name,
      expires_days: options.days ?? null,
      scoped_permissions: options.scopes?.split(",").map((scope) => scope.trim()) ?? null,
    };
    const server = serverOf(made, io);
    const { username } = options;
    const answer =
      username === undefined
        ? await server.call("POST /api/auth/api-keys", { body })
        : await withSession(
            server.baseUrl,
            { username, password: await passwordFor(options, io, `Password of ${username}`) },
            io,
            (call) => call("POST /api/auth/api-keys", { body }),
          );
    if (options.format === "json") return printJson(io.out, answer);
    printLine(io.out, `export SIMPLETUNER_API_KEY=${answer.key}`);
    printLine(io.err, "The key is not shown again.");
  });
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list your API keys")
    .option("--all", "everybody's, for who may see them")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ all, format }: { all?: true; format: OutputFormat }, command: Command) => {
      const { call } = serverOf(command, io);
      const { api_keys: keys } = await call("GET /api/auth/api-keys", { query: { all: all ?? false } });
      if (format === "json") return printJson(io.out, keys);
      if (keys.length === 0)
        return printLine(io.out, "No API keys. Make one with: npx simpletuner-cloud auth keys create <name>");
      printTable(io.out, keys, [
        { title: "KEY", value: (key) => `${key.key_prefix}…` },
        { title: "NAME", value: (key) => withoutControls(key.name) },
        { title: "MAY", value: (key) => key.scoped_permissions?.join(",") ?? "all", maxWidth: 40 },
        { title: "LAST USED", value: (key) => (key.last_used_at ? formatTime(key.last_used_at) : "never") },
        {
          title: "EXPIRES",
          value: (key) =>
            key.is_active ? (key.expires_at ? formatTime(key.expires_at) : "never") : "ran out",
        },
        { title: "ID", value: (key) => key.id },
      ]);
    });
}

function addRevoke(parent: Command, io: Io): void {
  parent
    .command("revoke")
    .description("make an API key invalid at once")
    .argument("<key>", "its id or its beginning, as the list shows them")
    .action(async (named: string, _options: object, command: Command) => {
      const { call } = serverOf(command, io);
      const wanted = named.replace(/…$/, "");
      const { api_keys: keys } = await call("GET /api/auth/api-keys", { query: { all: true } });
      const found = keys.filter(({ id, key_prefix }) => id === wanted || key_prefix === wanted);
      if (found.length > 1)
        throw new CommandFailure(`Several keys begin with ${wanted}; name one by its id.`);
      const id = found[0]?.id ?? wanted;
      await call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: id } });
      printLine(io.out, `Revoked ${found[0] ? withoutControls(found[0].name) : id}.`);
    });
}
