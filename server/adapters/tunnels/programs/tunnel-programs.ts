import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { devNull } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import type { TunnelProgram } from "@simpletuner-cloud/contract/tunnel.ts";
import { longestLine } from "../../../domain/tunnel-output.ts";
import type { TunnelRunner } from "../tunnel.ts";

/** What starting needs. */
export interface TunnelProgramOptions {
  env: NodeJS.ProcessEnv;
  /** How this machine reaches the server: `http://127.0.0.1:8001`. */
  target: () => string;
}

/** What the programs need of the environment; none of this server's secrets. */
const inherited =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|NGROK_\w+|TUNNEL_\w+|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|SSL_CERT_FILE|SSL_CERT_DIR)$/;

/**
 * Runs the program and holds its own standard input open: that ends when the server does, also by kill -9, and takes the
 * program along. What ignores that is killed five seconds later.
 */
const holder = `
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ cat <&3; kill "$child"; sleep 5; kill -9 "$child"; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
kill "$watcher"
`;

/** cloudflared and ngrok, as they are found on the PATH. */
export function tunnelPrograms({ env, target }: TunnelProgramOptions): TunnelRunner {
  const find = (program: TunnelProgram) => executable(program, env["PATH"] ?? "");
  return {
    isInstalled: async (program) => (await find(program)) !== null,
    start(program, onLine) {
      const argv = [program, ...argumentsOf(program, target())];
      const child = spawn("/bin/sh", ["-c", holder, "sh", ...argv], {
        env: Object.fromEntries(Object.entries(env).filter(([name]) => inherited.test(name))),
        stdio: ["pipe", "pipe", "pipe"],
      });
      const ended = new Promise<void>((done) => {
        child.once("error", () => done());
        child.once("exit", () => done());
      });
      child.stdin.on("error", () => undefined);
      for (const output of [child.stdout, child.stderr]) readLines(output, onLine);
      return {
        ended,
        stop() {
          child.stdin.end();
          return ended;
        },
      };
    },
  };
}

function argumentsOf(program: TunnelProgram, target: string): string[] {
  if (program === "ngrok") return ["http", target, "--log=stdout", "--log-format=json", "--log-level=info"];
  // A configuration of named tunnels in the user's folder would keep it from making a quick one.
  return ["tunnel", "--config", devNull, "--no-autoupdate", "--url", target];
}

/** Lines as they come; of one that is too long the beginning, the rest is thrown away. */
function readLines(output: Readable, onLine: (line: string) => void): void {
  let begun = "";
  let isSkipping = false;
  output.setEncoding("utf8");
  output.on("error", () => undefined);
  output.on("data", (piece: string) => {
    const parts = piece.split("\n");
    for (const [index, part] of parts.entries()) {
      if (!isSkipping) begun = (begun + part).slice(0, longestLine);
      isSkipping ||= begun.length === longestLine;
      if (index === parts.length - 1) break;
      onLine(begun.replace(/\r$/, ""));
      begun = "";
      isSkipping = false;
    }
  });
}

/** The file that a name on the PATH means; null when there is none. */
async function executable(name: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return file;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}
