import type { Command } from "commander";
import { wholeNumber } from "../command-options.ts";
import type { Io } from "../io.ts";
import { printLine } from "../output.ts";

interface Options {
  host?: string;
  port?: number;
  stateDir?: string;
}

/** Adds `server`. */
export function addServer(parent: Command, io: Io): void {
  parent
    .command("server")
    .description("run the server with its web UI until Ctrl-C")
    .option("-H, --host <host>", "address to listen on (default: 127.0.0.1)")
    .option(
      "-p, --port <port>",
      "port to listen on, 0 for a free one (default: 8001)",
      wholeNumber(0, 65_535),
    )
    .option("--state-dir <folder>", "folder of the database, jobs and models (default: ~/.simpletuner)")
    .action(async (options: Options) => {
      // Loaded here only: the server's libraries would slow down every other command.
      const { startServer } = await import("@simpletuner-cloud/server/main.ts");
      const server = await startServer({ ...options, env: io.env });
      if (server.accessUrl !== null) printLine(io.err, `Open from another machine: ${server.accessUrl}`);
      else if (io.err.isTerminal)
        printLine(io.err, `SimpleTuner Cloud is at ${server.url} (Ctrl-C stops it)`);
      const lost = await Promise.race([toldToStop(io, server.url), server.lost]);
      await server.close();
      if (lost !== undefined) throw lost;
    });
}

/**
 * Resolves when the server must stop: at a signal, or when the program that started it as its child (the demo)
 * is gone. Such a parent gets the address as a message.
 */
async function toldToStop(io: Io, url: string): Promise<void> {
  process.send?.({ serverUrl: url });
  await new Promise<void>((resolve) => {
    if (io.interrupted.aborted) return resolve();
    io.interrupted.addEventListener("abort", () => resolve(), { once: true });
    process.once("disconnect", resolve);
    process.once("message", (message) => {
      // The demo's --keep: the server outlives its parent.
      if (message === "keep") process.removeListener("disconnect", resolve);
    });
  });
  if (process.connected) process.disconnect();
}
