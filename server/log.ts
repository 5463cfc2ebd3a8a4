import pino, { type Logger } from "pino";
import type { ServerConfig } from "./config.ts";
import { currentScope } from "./http/request-scope.ts";

/** Names whose values are never written to the log, at the top of a record and one level down. */
const secretNames = [
  "token",
  "secret",
  "password",
  "authorization",
  "cookie",
  "api_key",
  "secretAccessKey",
  "secret_key",
];

/** The server's log: JSON lines, or short text on a terminal; each line carries the request's correlation id. */
export function serverLog(config: Pick<ServerConfig, "logLevel" | "logFormat">): Logger {
  return pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "***" },
      mixin: () => {
        const scope = currentScope();
        return scope ? { correlation_id: scope.correlationId } : {};
      },
    },
    config.logFormat === "text" ? textStream : pino.destination({ dest: 2, sync: true }),
  );
}

/** Writes `12:30:01 info  message key=value` to standard error. */
const textStream = {
  write(line: string): void {
    const { time, level, message, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const details = Object.entries(rest).map(
      ([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    const stack = err === undefined ? "" : `\n${(err as { stack?: string }).stack ?? JSON.stringify(err)}`;
    process.stderr.write(
      `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(message ?? "")}${details.join("")}${stack}\n`,
    );
  },
};
