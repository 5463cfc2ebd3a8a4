import { resolve } from "node:path";
import { integerOf, oneOf } from "./values.ts";

/** A file for the log. */
export interface LogFileConfig {
  path: string;
  /** A larger file is put aside; null never does. */
  maxBytes: number | null;
  /** So many files that were put aside stay. */
  keep: number;
}

const levels = ["debug", "info", "warn", "error", "fatal"] as const;
/** What others call them. */
const otherNames: Readonly<Record<string, (typeof levels)[number]>> = { warning: "warn", critical: "fatal" };

/** SIMPLETUNER_LOG_LEVEL, in any case; `WARNING` and `CRITICAL` are known too. */
export function logLevelOf(env: NodeJS.ProcessEnv): string {
  const level = oneOf(env, "SIMPLETUNER_LOG_LEVEL", [...levels, "warning", "critical"], "info");
  return otherNames[level] ?? level;
}

/** SIMPLETUNER_LOG_FILE and how it is kept; null without one. */
export function logFileOf(env: NodeJS.ProcessEnv): LogFileConfig | null {
  const path = env["SIMPLETUNER_LOG_FILE"];
  const mebibytes = integerOf(env, "SIMPLETUNER_LOG_FILE_MAX_MIB", 100, 0, 1 << 20);
  const keep = integerOf(env, "SIMPLETUNER_LOG_FILE_KEEP", 5, 0, 1_000);
  if (!path) return null;
  return { path: resolve(path), maxBytes: mebibytes === 0 ? null : mebibytes * 2 ** 20, keep };
}
