import type { Command } from "commander";
import { formatOption, wholeNumber } from "../command-options.ts";
import { diagnose, type Check } from "../diagnosis.ts";
import { CommandFailure, type Io } from "../io.ts";
import { counted, printJson, printLine, styled, withoutControls, type OutputFormat } from "../output.ts";
import { serverUrl } from "../server-address.ts";
import { stateFolder } from "../server-process.ts";

interface Options {
  stateDir?: string;
  port?: number;
  format: OutputFormat;
}

const marks = {
  ok: { style: "green", text: "ok" },
  warning: { style: "yellow", text: "warning" },
  problem: { style: "red", text: "problem" },
} as const;

/** Adds `doctor`. */
export function addDoctor(parent: Command, io: Io): void {
  parent
    .command("doctor")
    .description("check that this machine can run the server and train, and say what to do where not")
    .option("--state-dir <folder>", "folder of the database, jobs and models (default: ~/.simpletuner)")
    .option("-p, --port <port>", "port of the server (default: 8001)", wholeNumber(1, 65_535))
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: Options, command: Command) => {
      const { server } = command.optsWithGlobals<{ server?: string }>();
      const url = options.port === undefined ? serverUrl(server, io.env) : `http://127.0.0.1:${options.port}`;
      const checks = await diagnose(url, stateFolder(options.stateDir, io), io);
      const problems = checks.filter((check) => check.level === "problem").length;
      if (options.format === "json") printJson(io.out, { ok: problems === 0, checks });
      else for (const check of checks) printCheck(io, check);
      if (problems > 0) throw new CommandFailure(`${counted(problems, "problem")} found.`);
    });
}

function printCheck(io: Io, { name, level, message, advice }: Check): void {
  const { style, text } = marks[level];
  const mark = styled(io.out, style, text.padEnd(8));
  printLine(io.out, `${mark} ${name.padEnd(12)} ${withoutControls(message)}`);
  if (advice !== null) printLine(io.out, `${" ".repeat(22)}${withoutControls(advice)}`);
}
