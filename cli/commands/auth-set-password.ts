import type { Command } from "commander";
import { serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printLine } from "../output.ts";
import { passwordFor, type PasswordOptions, passwordOptions } from "../passwords.ts";
import { stateFolder } from "../server-process.ts";
import { findUser } from "../user-lookup.ts";

interface Options extends PasswordOptions {
  local?: true;
  stateDir?: string;
}

/** Adds `auth users set-password`. */
export function addSetPassword(parent: Command, io: Io): void {
  const command = parent
    .command("set-password")
    .description("give a user a new password; all its sessions end")
    .argument("<user>", "name or e-mail")
    .option("--local", "straight into this machine's database, where nobody can sign in any more")
    .option("--state-dir <folder>", "with --local: folder of the database (default: ~/.simpletuner)");
  passwordOptions(command).action(async (named: string, options: Options, made: Command) => {
    const password = await passwordFor(options, io, `New password for ${named}`);
    const name = options.local
      ? await setLocally(named, password, stateFolder(options.stateDir, io), io.env)
      : await setRemotely(named, password, made, io);
    printLine(io.out, `${name} has a new password and may sign in at once.`);
  });
}

async function setRemotely(named: string, password: string, command: Command, io: Io): Promise<string> {
  const server = serverOf(command, io);
  const { id } = await findUser(server, named);
  const params = { user_id: id };
  const { username } = await server.call("PATCH /api/users/{user_id}", { params, body: { password } });
  await server.call("POST /api/users/{user_id}/unlock", { params });
  return username;
}

/** Whoever may write the database needs nobody's leave; the server may run or not. */
async function setLocally(
  named: string,
  password: string,
  stateDir: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  // Loaded here only, as the server is.
  const { recoverAccount } = await import("@simpletuner-cloud/server/recover-account.ts");
  return recoverAccount({ stateDir, env, named, password });
}
