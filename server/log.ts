import { basename, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { getCallSites } from "node:util";
import pino, { type Logger } from "pino";
import type { ServerConfig } from "./config.ts";
import { packageRoot } from "./config/package-files.ts";
import { StartError } from "./config/values.ts";
import { withoutHidden, withoutSecretFields } from "./domain/hidden-values.ts";
import { currentWork } from "./domain/work-scope.ts";
import { logFile } from "./log-file.ts";

/** What of the configuration a log depends on. */
export type LogConfig = Pick<ServerConfig, "logLevel" | "logFormat" | "logFile">;

/** Takes whole lines. */
export interface LineTaker {
  write(line: string): unknown;
}

/** A log that is open. */
export interface OpenLog {
  log: Logger;
  /** Ends writing to the file. */
  close(): void;
}

/** Names of levels as the operations guide has them. */
const levelNames: Readonly<Record<string, string>> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  fatal: "CRITICAL",
};

/**
 * The server's log on its error output, and in a file where one is set. Each line is a JSON object with `timestamp`,
 * `level`, `logger`, `message`, `correlation_id`, `source` (`file`, `line`, `function`) and `extra`, or short text. What the
 * running work is about is in `extra`, where it is in a trace in `trace_id` and `span_id`; secrets are blotted out. SIGHUP
 * opens the file anew. Throws {@link StartError} when the file cannot be opened. `errorOutput` takes the lines instead of the
 * error output.
 */
export function openLog(
  { logLevel, logFormat, logFile: kept }: LogConfig,
  errorOutput: LineTaker = pino.destination({ dest: 2, sync: true }),
): OpenLog {
  const root = packageRoot();
  let source: CallSite | null = null;
  const own = kept === null ? null : openFile(kept);
  const write = (line: string): void => {
    errorOutput.write(line);
    own?.write(line);
  };
  const log = pino(
    {
      level: logLevel,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      messageKey: "message",
      formatters: {
        level: (label) => ({ level: levelNames[label] ?? label.toUpperCase() }),
        log: (record) => ({ ...recordOf(record, source) }),
      },
      hooks: {
        logMethod(args, method) {
          source = callSite(root);
          method.apply(this, args);
        },
        streamWrite: withoutHidden,
      },
    },
    { write: logFormat === "text" ? (line: string) => write(textOf(line)) : write },
  );
  const reopen = (): void => own?.reopen();
  if (own) process.on("SIGHUP", reopen);
  return {
    log,
    close() {
      process.removeListener("SIGHUP", reopen);
      own?.close();
    },
  };
}

function openFile(kept: NonNullable<LogConfig["logFile"]>) {
  const onProblem = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  try {
    return logFile({ ...kept, onProblem });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(
      `SIMPLETUNER_LOG_FILE: ${kept.path} cannot be written (${code}). Give this user the right to, or name another file.`,
      { cause: error },
    );
  }
}

interface CallSite {
  file: string;
  line: number;
  function: string;
}

/** Who wrote the line: past this function, the hook and pino's own. */
function callSite(root: string): CallSite | null {
  const site = getCallSites(4, { sourceMap: true })[3];
  if (!site) return null;
  const path = site.scriptName.startsWith("file:") ? fileURLToPath(site.scriptName) : site.scriptName;
  const inside = relative(root, path);
  return {
    file: inside.startsWith("..") ? basename(path) : inside,
    line: site.lineNumber,
    function: site.functionName || "<anonymous>",
  };
}

/** The fields of a line beside its time, level and message. */
function recordOf(record: Record<string, unknown>, source: CallSite | null) {
  const { err, ...told } = record;
  const work = currentWork();
  const extra = {
    ...(work?.jobId !== undefined && { job_id: work.jobId }),
    ...(work?.provider !== undefined && { provider: work.provider }),
    ...(work?.userId !== undefined && { user_id: work.userId }),
    ...(work?.step !== undefined && { step: work.step }),
    ...told,
    ...(err !== undefined && { error: err instanceof Error ? pino.stdSerializers.err(err) : err }),
  };
  return {
    logger: `simpletuner.cloud.${moduleOf(source)}`,
    correlation_id: work?.correlationId ?? null,
    ...(work?.span && { trace_id: work.span.traceId, span_id: work.span.spanId }),
    source,
    extra: withoutSecretFields(extra),
  };
}

/** `background.loop` of `server/background/loop.ts`. */
function moduleOf(source: CallSite | null): string {
  return (source?.file ?? "server")
    .replace(/^server\//, "")
    .replace(/\.[cm]?[jt]s$/, "")
    .replaceAll("/", ".");
}

/** `12:30:01 INFO    message key=value`; one line whatever is in it, but for the lines of a stack, which are set in. */
function textOf(line: string): string {
  const { timestamp, level, message, correlation_id, trace_id, extra } = JSON.parse(line) as Record<
    string,
    unknown
  >;
  const { error, ...told } = extra as Record<string, unknown>;
  const context = {
    ...(correlation_id !== null && { correlation_id }),
    ...(trace_id !== undefined && { trace_id }),
  };
  const details = Object.entries({ ...told, ...context }).map(
    ([key, value]) => ` ${key}=${plain(typeof value === "string" ? value : JSON.stringify(value))}`,
  );
  const { stack } = (error ?? {}) as { stack?: string };
  const trouble =
    error === undefined ? "" : `\n${(stack ?? JSON.stringify(error)).replaceAll(/^/gm, "    ")}`;
  return `${String(timestamp).slice(11, 19)} ${String(level).padEnd(8)} ${plain(String(message ?? ""))}${details.join("")}${trouble}\n`;
}

/** Text that begins no line of its own and moves no cursor. */
function plain(text: string): string {
  return /[\p{Cc}]/u.test(text) ? JSON.stringify(text) : text;
}
