import type { Command } from "commander";
import type { Io } from "./io.ts";
import { givenSecret, secretFor, type SecretSaid } from "./secret-input.ts";

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

/** The password that was named, or null when none was. */
export function givenPassword(options: PasswordOptions, io: Io): string | null {
  return givenSecret(saidBy(options), io);
}

/** The password that was named, or else asked for on the terminal; a sentence where nobody can be asked. */
export async function passwordFor(options: PasswordOptions, io: Io, question: string): Promise<string> {
  return secretFor(saidBy(options), io, "password", question);
}

function saidBy({ password, passwordFile }: PasswordOptions): SecretSaid {
  return { value: password, file: passwordFile, fileOption: "--password-file" };
}
