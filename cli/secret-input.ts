import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CommandFailure, type Io } from "./io.ts";

/** Where a secret was said to be: on the command line, or in a file, `-` for the input. */
export interface SecretSaid {
  value: string | undefined;
  file: string | undefined;
  /** The option that names the file, for what is told of it. */
  fileOption: string;
}

/** The secret that was named, or null when none was: of a file the first line, without its end. */
export function givenSecret({ value, file, fileOption }: SecretSaid, io: Io): string | null {
  if (value !== undefined) return value;
  if (file === undefined) return null;
  try {
    const text = readFileSync(file === "-" ? 0 : resolve(io.cwd, file), "utf8");
    return text.split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(`${fileOption}: ${file} cannot be read (${code}).`);
  }
}

/** The secret that was named, or else asked for on the terminal; a sentence where nobody can be asked. */
export async function secretFor(said: SecretSaid, io: Io, what: string, question: string): Promise<string> {
  const given = givenSecret(said, io);
  if (given !== null) return given;
  if (!io.interactive)
    throw new CommandFailure(
      `Give the ${what} with ${said.fileOption} <file>, or "-" to read it from the input.`,
    );
  const { askPassword } = await import("./questions.ts");
  const typed = await askPassword(question);
  if (typed === null) throw new CommandFailure("Nothing was changed.");
  return typed;
}
