import type { Io } from "../io.ts";
import { runCli } from "../program.ts";

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An {@link Io} that keeps what is written; `terminal` makes its output look like one. */
export function capturedIo(settings: { terminal?: boolean; env?: NodeJS.ProcessEnv; cwd?: string } = {}): {
  io: Io;
  interrupt: () => void;
  read: () => { out: string; err: string };
} {
  const kept = { out: "", err: "" };
  const controller = new AbortController();
  const sink = (name: "out" | "err") => ({
    write: (text: string) => void (kept[name] += text),
    isTerminal: settings.terminal === true,
    hasColors: false,
    columns: () => 100,
  });
  return {
    io: {
      out: sink("out"),
      err: sink("err"),
      env: settings.env ?? {},
      cwd: settings.cwd ?? process.cwd(),
      interactive: false,
      interrupted: controller.signal,
    },
    interrupt: () => controller.abort("SIGINT"),
    read: () => ({ ...kept }),
  };
}

/** Runs a command line against the server at `url` as in a pipe. */
export async function ran(url: string, args: readonly string[], cwd?: string): Promise<Ran> {
  const { io, read } = capturedIo(cwd === undefined ? {} : { cwd });
  const code = await runCli(["--server", url, ...args], io);
  return { code, ...read() };
}
