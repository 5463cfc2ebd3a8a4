import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { CommandFailure, type Io } from "./io.ts";

/** Where a password comes from. */
export interface PasswordOptions {
  password?: string;
  passwordFile?: string;
}

/** Adds the options that name a password. */
export function passwordOptions(command: Command): Command {
  return command
    .option("-p, --password <password>", "the password; other users of this machine can see it while it runs")
    .option("--password-file <file>", 'file whose first line is the password, "-" for the input');
}

/** The password that was named, or null when none was: the first line of a file, without its end. */
export function givenPassword({ password, passwordFile }: PasswordOptions, io: Io): string | null {
  if (password !== undefined) return password;
  if (passwordFile === undefined) return null;
  try {
    const text = readFileSync(passwordFile === "-" ? 0 : resolve(io.cwd, passwordFile), "utf8");
    return text.split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(`--password-file: ${passwordFile} cannot be read (${code}).`);
  }
}

/** The password that was named, or else asked for on the terminal; a sentence where nobody can be asked. */
export async function passwordFor(options: PasswordOptions, io: Io, question: string): Promise<string> {
  const given = givenPassword(options, io);
  if (given !== null) return given;
  if (!io.interactive)
    throw new CommandFailure(
      'Give the password with --password-file <file>, or "-" to read it from the input.',
    );
  const { askPassword } = await import("./questions.ts");
  const typed = await askPassword(question);
  if (typed === null) throw new CommandFailure("Nothing was changed.");
  return typed;
}
