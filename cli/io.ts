import { constants } from "node:os";

/** Where a command reads and writes; tests pass their own, so every command runs inside a test process. */
export interface Io {
  readonly out: TextSink;
  readonly err: TextSink;
  readonly env: NodeJS.ProcessEnv;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** True when a person can be asked: both input and output are terminals. */
  readonly interactive: boolean;
  /** Aborts when the user presses Ctrl-C or the process is asked to end; its reason is the signal's name. */
  readonly interrupted: AbortSignal;
}

/** A stream of text; `isTerminal` decides between redrawn progress and plain lines. */
export interface TextSink {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly hasColors: boolean;
  /** Width in characters; changes with the window. */
  readonly columns: () => number;
}

/** The sentence for a person plus the exit code; thrown by commands, printed once by the program. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}

/** Exit code of a command line that cannot be understood. */
export const usageExitCode = 2;

/** Exit code of a command that a signal ended: 128 + its number, 130 for Ctrl-C. */
export function interruptedExitCode(signal: AbortSignal): number {
  return 128 + (constants.signals[signal.reason as NodeJS.Signals] ?? constants.signals.SIGINT);
}

function sinkOf(stream: NodeJS.WriteStream): TextSink {
  // A reader that closes early (`| head`) ends the program quietly, as it would any Unix tool.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const isTerminal = stream.isTTY === true && process.env["TERM"] !== "dumb";
  return {
    write: (text) => void stream.write(text),
    isTerminal,
    hasColors: isTerminal && process.env["NO_COLOR"] === undefined,
    columns: () => stream.columns || 80,
  };
}

/** The real process. The first Ctrl-C aborts `interrupted`; one that comes a second later ends the process. */
export function processIo(): Io {
  const controller = new AbortController();
  let firstAt = 0;
  const interrupt = (name: NodeJS.Signals): void => {
    // One key press can arrive twice, from the terminal and from a parent that passes it on.
    if (firstAt > 0 && performance.now() - firstAt > 1000)
      process.exit(interruptedExitCode(controller.signal));
    firstAt ||= performance.now();
    controller.abort(name);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  // For a server that writes a log file it means to open the file anew.
  if (!process.env["SIMPLETUNER_LOG_FILE"]) process.on("SIGHUP", interrupt);
  return {
    out: sinkOf(process.stdout),
    err: sinkOf(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true,
    interrupted: controller.signal,
  };
}
