/** Writes whole lines for whoever follows the run. */
export interface Log {
  info(line: string): void;
  /** A line that starts with WARN: something was skipped or is being retried. */
  warn(line: string): void;
  /** The one line that starts with ERROR, before the program ends. */
  error(line: string): void;
}

/** Logs to standard output; a reader that went away never stops the training. */
export function stdoutLog(): Log {
  process.stdout.on("error", () => {});
  const write = (line: string): void => {
    process.stdout.write(`${line.replace(/[\r\n]+/g, " ")}\n`);
  };
  return { info: write, warn: (line) => write(`WARN ${line}`), error: (line) => write(`ERROR ${line}`) };
}

/** Seconds as a person reads them: `15s`, `2m 05s`, `1h 12m`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s`;
  return `${Math.floor(whole / 3600)}h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")}m`;
}
