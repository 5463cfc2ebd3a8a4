import type { Command } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printJson, printLine, type OutputFormat, withoutControls } from "../output.ts";
import { passwordFor, type PasswordOptions, passwordOptions } from "../passwords.ts";

/** Adds `auth status`. */
export function addAuthStatus(parent: Command, io: Io): void {
  parent
    .command("status")
    .description("show whether people sign in here, and who you are")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const { call, baseUrl } = serverOf(command, io);
      const [who, setup] = await Promise.all([
        call("GET /api/auth/check"),
        call("GET /api/auth/setup/status"),
      ]);
      if (format === "json") return printJson(io.out, { ...who, setup });
      if (setup.needs_setup) {
        printLine(io.out, `${baseUrl} is used by one person, without accounts.`);
        return printLine(io.out, "Make the first account with: npx simpletuner-cloud auth setup");
      }
      const registration = setup.registration_enabled ? "open" : "closed";
      const users = `${setup.user_count} ${setup.user_count === 1 ? "user" : "users"}`;
      printLine(io.out, `${baseUrl} has accounts: ${users}, registration is ${registration}.`);
      if (!who.authenticated) return printLine(io.out, "You are not signed in: set SIMPLETUNER_API_KEY.");
      const admin = who.is_admin ? ", an administrator" : "";
      printLine(io.out, `You are ${withoutControls(who.username ?? "")}${admin}.`);
    });
}

interface SetupOptions extends PasswordOptions {
  email: string;
  username: string;
  displayName?: string;
  token?: string;
}

/** Adds `auth setup`. */
export function addAuthSetup(parent: Command, io: Io): void {
  const command = parent
    .command("setup")
    .description("make the first account, an administrator; everything that is here becomes its own")
    .requiredOption("-u, --username <name>", "name to sign in with")
    .requiredOption("-e, --email <address>", "address, to sign in with as well")
    .option("-d, --display-name <name>", "name on screen")
    .option("--token <token>", "the token that the server printed at its start, where it asks for it");
  passwordOptions(command).action(async (options: SetupOptions, made: Command) => {
    const { call, baseUrl } = serverOf(made, io);
    const password = await passwordFor(options, io, `Password for ${options.username}`);
    const { user } = await call("POST /api/auth/setup/first-admin", {
      body: {
        username: options.username,
        email: options.email,
        password,
        display_name: options.displayName ?? null,
        ...(options.token !== undefined && { setup_token: options.token }),
      },
    });
    printLine(io.out, `${user.username} is the administrator of ${baseUrl}. From now on everybody signs in.`);
    printLine(
      io.err,
      `This command line needs a key now. Make one with: npx simpletuner-cloud auth keys create laptop --username ${user.username}`,
    );
  });
}
