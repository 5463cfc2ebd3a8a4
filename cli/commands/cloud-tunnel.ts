import type { Command } from "commander";
import type { Tunnel, TunnelProgram } from "@simpletuner-cloud/contract/tunnel.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { type OutputFormat, printJson, printLine, withoutControls } from "../output.ts";

interface Options {
  program?: TunnelProgram;
  wait: number;
  format: OutputFormat;
}

const route = "/api/cloud/tunnel";
const lookEveryMs = 500;

/** Adds `cloud tunnel`. */
export function addCloudTunnel(parent: Command, io: Io): void {
  const tunnel = parent
    .command("tunnel")
    .description("an address on the internet for a server that has none");
  tunnel
    .command("status", { isDefault: true })
    .description("show the tunnel, and which programs for one are installed")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: Options, command: Command) =>
      shown(io, await serverOf(command, io).call(`GET ${route}`), format),
    );
  addStart(tunnel, io);
  tunnel
    .command("stop")
    .description("stop the tunnel")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: Options, command: Command) =>
      shown(io, await serverOf(command, io).call(`DELETE ${route}`), format),
    );
}

function addStart(parent: Command, io: Io): void {
  parent
    .command("start")
    .description("start a tunnel: the internet then reaches the server, whose sign-in keeps strangers out")
    .option("--program <name>", "cloudflared or ngrok; default: the first that is installed")
    .option("--wait <seconds>", "how long to wait for the address", Number, 60)
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ program, wait, format }: Options, command: Command) => {
      const server = serverOf(command, io);
      let now = await server.call(`POST ${route}`, { body: program === undefined ? {} : { program } });
      const until = Date.now() + wait * 1_000;
      while (now.status === "starting" && Date.now() < until) {
        await new Promise((done) => setTimeout(done, lookEveryMs));
        now = await server.call(`GET ${route}`);
      }
      shown(io, now, format);
      if (now.status !== "running")
        throw new CommandFailure(
          now.message ??
            "There is no address yet. The server goes on trying; look again with `cloud tunnel status`.",
        );
    });
}

function shown(io: Io, tunnel: Tunnel, format: OutputFormat): void {
  if (format === "json") return printJson(io.out, tunnel);
  const { status, program, url, message, used_instead: instead, programs } = tunnel;
  printLine(io.out, program === null ? "There is no tunnel." : `The tunnel by ${program} is ${status}.`);
  if (url !== null) printLine(io.out, `The internet reaches this server at ${withoutControls(url)}`);
  if (message !== null && status !== "running") printLine(io.out, withoutControls(message));
  if (instead !== null && program !== null)
    printLine(
      io.out,
      `Providers are given ${withoutControls(instead)}, which is set, and not the tunnel's address.`,
    );
  if (program !== null) return;
  for (const each of programs)
    printLine(io.out, `${each.program}: ${each.installed ? "installed" : `get it at ${each.install_url}`}`);
}
