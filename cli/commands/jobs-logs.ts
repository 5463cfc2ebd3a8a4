import { Option, type Command } from "commander";
import { errorOf } from "@simpletuner-cloud/contract/client.ts";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { formatOption, serverOf, wholeNumber } from "../command-options.ts";
import { FinalStreamError, followEventStream } from "../event-stream.ts";
import { CommandFailure, interruptedExitCode, type Io } from "../io.ts";
import { findJob } from "../job-lookup.ts";
import { printLine, styled, withoutControls, type OutputFormat } from "../output.ts";
import type { ServerConnection } from "../server-address.ts";

interface Options {
  follow?: true;
  tail?: number;
  level?: LogLine["level"];
  search?: string;
  format: OutputFormat;
}

const pageLines = 5000;

/** Adds `jobs logs`. */
export function addJobsLogs(parent: Command, io: Io): void {
  parent
    .command("logs")
    .description("print a job's log")
    .argument("<id>", "the job's id or the beginning of it")
    .option("-f, --follow", "keep printing until the job ends")
    .option("-t, --tail <lines>", "only the last so many lines (1-5000)", wholeNumber(1, pageLines))
    .addOption(
      new Option("--level <level>", "only lines of this level").choices([
        "debug",
        "info",
        "warning",
        "error",
      ]),
    )
    .option("-q, --search <text>", "only lines that contain this, ignoring case")
    .addOption(formatOption())
    .action(async (id: string, options: Options, command: Command) => {
      const server = serverOf(command, io);
      const { job_id } = await findJob(server, id);
      const next = await printStored(io, server, job_id, options);
      if (options.follow) await printGrowing(io, server, job_id, next, options);
    });
}

/** Prints what the log holds now and answers the number of the first line that was not there yet. */
async function printStored(
  io: Io,
  server: ServerConnection,
  jobId: string,
  options: Options,
): Promise<number> {
  const { tail, level, search } = options;
  let from = 1;
  for (;;) {
    const page = await server.call("GET /api/cloud/jobs/{job_id}/logs", {
      params: { job_id: jobId },
      query: { level, q: search, ...(tail === undefined ? { from_line: from, limit: pageLines } : { tail }) },
    });
    for (const line of page.lines) printLog(io, line, options.format);
    const last = page.lines.at(-1)?.line ?? page.total_lines;
    if (tail !== undefined || page.lines.length < pageLines) return Math.max(page.total_lines, last) + 1;
    from = last + 1;
  }
}

async function printGrowing(
  io: Io,
  server: ServerConnection,
  jobId: string,
  fromLine: number,
  options: Options,
): Promise<void> {
  const path = `/api/cloud/jobs/${encodeURIComponent(jobId)}/logs/stream`;
  let printed = fromLine - 1;
  const stream = followEventStream({
    signal: io.interrupted,
    patienceMs: 120_000,
    connect: async (_lastId, signal) => {
      const response = await server.open(
        `${path}?from_line=${printed + 1}`,
        { accept: "text/event-stream" },
        signal,
      );
      if (response.status >= 400 && response.status < 500) {
        throw new FinalStreamError((await errorOf(response)).message);
      }
      return response;
    },
  });
  for await (const item of stream) {
    if (item.kind === "lost") printLine(io.err, "The server is away; waiting for it …");
    if (item.kind !== "message") continue;
    if (item.message.event === "done") return;
    if (item.message.event !== "lines") continue;
    for (const line of JSON.parse(item.message.data) as LogLine[]) {
      if (line.line <= printed) continue;
      printed = line.line;
      if (matches(line, options)) printLog(io, line, options.format);
    }
  }
  if (io.interrupted.aborted) {
    throw new CommandFailure("The job goes on.", interruptedExitCode(io.interrupted));
  }
}

function matches(line: LogLine, { level, search }: Options): boolean {
  if (level !== undefined && line.level !== level) return false;
  return search === undefined || line.text.toLowerCase().includes(search.toLowerCase());
}

function printLog(io: Io, line: LogLine, format: OutputFormat): void {
  if (format === "json") return printLine(io.out, JSON.stringify(line));
  // On a terminal a log line must not be able to act; in a pipe it stays as the trainer wrote it.
  const text = io.out.isTerminal ? withoutControls(line.text) : line.text;
  const style = line.level === "error" ? "red" : line.level === "warning" ? "yellow" : null;
  printLine(io.out, style === null ? text : styled(io.out, style, text));
}
