import type { Command } from "commander";
import type { SecretSourceState, SecretState } from "@simpletuner-cloud/contract/secrets.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  printJson,
  printLine,
  printTable,
  styled,
  type OutputFormat,
  withoutControls,
} from "../output.ts";
import { secretFor } from "../secret-input.ts";
import { addRotateKey } from "./secrets-rotate-key.ts";

/** Adds `secrets list`, `set`, `delete`, `doctor` and `rotate-key`. */
export function addSecrets(program: Command, io: Io): void {
  const secrets = program.command("secrets").description("tokens and other secrets of the server");
  addList(secrets, io);
  addSet(secrets, io);
  addDelete(secrets, io);
  addDoctor(secrets, io);
  addRotateKey(secrets, io);
}

const list = "GET /api/cloud/secrets";

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list secrets and where they are, without their values")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const { secrets } = await serverOf(command, io).call(list);
      if (format === "json") return printJson(io.out, secrets);
      printTable(io.out, secrets, [
        { title: "NAME", value: ({ name }) => withoutControls(name) },
        { title: "USED", value: ({ sources }) => sources[0] ?? "not set" },
        { title: "ALSO IN", value: ({ sources }) => sources.slice(1).join(", ") || "-" },
        { title: "FOR", value: ({ purpose }) => purpose ?? "" },
      ]);
    });
}

interface SetOptions {
  value?: string;
  valueFile?: string;
}

function addSet(parent: Command, io: Io): void {
  parent
    .command("set")
    .description("store a secret in the server's own file; asks for it, or reads it from a file")
    .argument("<name>", "such as HF_TOKEN")
    .option("--value <secret>", "the secret; other users of this machine can see it while it runs")
    .option("--value-file <file>", 'file whose first line is the secret, "-" for the input')
    .action(async (secret_name: string, options: SetOptions, command: Command) => {
      const said = { value: options.value, file: options.valueFile, fileOption: "--value-file" };
      const value = await secretFor(said, io, "secret", `Value of ${secret_name}`);
      const answer = await serverOf(command, io).call("PUT /api/cloud/secrets/{secret_name}", {
        params: { secret_name },
        body: { value },
      });
      printLine(io.out, `${answer.name} is stored in ${withoutControls(answer.file_path)}.`);
      if (answer.overridden_by !== null)
        printLine(io.err, `It is not used: the ${answer.overridden_by} has another one, which comes first.`);
    });
}

function addDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("remove a secret from the server's own file")
    .argument("<name>", "as the list shows it")
    .action(async (secret_name: string, _options: object, command: Command) => {
      const { name, still_in } = await serverOf(command, io).call("DELETE /api/cloud/secrets/{secret_name}", {
        params: { secret_name },
      });
      printLine(
        io.out,
        still_in === null
          ? `Removed ${name}.`
          : `Removed ${name} from the file; the ${still_in} still has it.`,
      );
    });
}

function addDoctor(parent: Command, io: Io): void {
  parent
    .command("doctor")
    .description(
      "show which source of secrets answers, what is wrong with the others, and where each secret is from",
    )
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const { sources, secrets } = await serverOf(command, io).call(list);
      const silent = sources.filter(({ answers }) => !answers).length;
      if (format === "json") printJson(io.out, { ok: silent === 0, sources, secrets });
      else {
        for (const source of sources) printSource(io, source);
        for (const secret of secrets) printLine(io.out, secretLine(secret));
      }
      if (silent > 0) throw new CommandFailure(`${counted(silent, "source")} cannot be used.`);
    });
}

function printSource(io: Io, { id, place, answers, problem, warning }: SecretSourceState): void {
  const mark = answers
    ? styled(io.out, warning ? "yellow" : "green", "answers")
    : styled(io.out, "red", "silent ");
  printLine(io.out, `${mark}  ${id.padEnd(12)} ${withoutControls(place)}`);
  for (const words of [problem, warning])
    if (words) printLine(io.out, `${" ".repeat(22)}${withoutControls(words)}`);
}

function secretLine({ name, sources }: SecretState): string {
  const [first, ...others] = sources;
  if (first === undefined) return `${withoutControls(name)}: not set`;
  const also = others.length === 0 ? "" : `; also in ${others.join(", ")}, which is not used`;
  return `${withoutControls(name)}: from ${first}${also}`;
}
