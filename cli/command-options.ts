import { InvalidArgumentError, Option, type Command } from "commander";
import type { Io } from "./io.ts";
import type { OutputFormat } from "./output.ts";
import { connectTo, serverUrl, type ServerConnection } from "./server-address.ts";

/** `--format table|json`; `flags` adds a short form where the letter is free. */
export function formatOption(flags = "--format <format>"): Option {
  return new Option(flags, "how to print the result")
    .choices(["table", "json"] satisfies OutputFormat[])
    .default("table");
}

/** Parses a whole number from `minimum` to `maximum` for an option. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

/** The server that a command's `--server` or the environment names. */
export function serverOf(command: Command, io: Io): ServerConnection {
  const { server } = command.optsWithGlobals<{ server?: string }>();
  return connectTo(serverUrl(server, io.env), io);
}
