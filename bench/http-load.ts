import { execFile, spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const connections = 32;

/** True when wrk is on this machine; else requests come from a small client in a process of its own. */
export const hasWrk: boolean = spawnSync("wrk", ["-v"]).error === undefined;

/** Requests a second that `url` answers to 32 connections asking the paths in turn; throws on any other status than 2xx. */
export async function requestsPerSecond(
  url: string,
  paths: readonly string[],
  seconds: number,
  workDir: string,
): Promise<number> {
  if (!hasWrk) {
    const file = join(workDir, "paths.json");
    await writeFile(file, JSON.stringify(paths));
    const { stdout } = await run(process.execPath, [import.meta.filename, url, file, String(seconds)]);
    return Number(stdout);
  }
  const script = join(workDir, "paths.lua");
  await writeFile(
    script,
    `local paths = { ${paths.map((path) => JSON.stringify(path)).join(", ")} }
local next = 0
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
`,
  );
  const { stdout } = await run("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** One connection that asks again as soon as an answer with a content-length is whole. */
function ask(host: string, port: number, paths: readonly string[], until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    let missing = 0;
    const socket = connect(port, host);
    const send = (): void => {
      const path = paths[Math.floor(Math.random() * paths.length)] ?? "/";
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (piece: Buffer) => {
      if (missing > 0) missing -= piece.length;
      else {
        const headEnd = piece.indexOf("\r\n\r\n");
        const head = piece.toString("latin1", 0, headEnd);
        const length = /content-length: (\d+)/i.exec(head)?.[1];
        if (!/^HTTP\/1.1 2/.test(head) || length === undefined) return reject(new Error(head));
        missing = Number(length) - (piece.length - headEnd - 4);
      }
      if (missing > 0) return;
      answered++;
      if (performance.now() < until) send();
      else socket.end(() => resolve(answered));
    });
  });
}

if (import.meta.main) {
  const { readFileSync } = await import("node:fs");
  const [url = "", file = "", seconds = "5"] = process.argv.slice(2);
  const paths = JSON.parse(readFileSync(file, "utf8")) as string[];
  const { hostname, port } = new URL(url);
  const startedAt = performance.now();
  const until = startedAt + Number(seconds) * 1_000;
  const answered = await Promise.all(
    Array.from({ length: connections }, () => ask(hostname, Number(port), paths, until)),
  );
  const total = answered.reduce((sum, one) => sum + one, 0);
  console.log((total / (performance.now() - startedAt)) * 1_000);
}
