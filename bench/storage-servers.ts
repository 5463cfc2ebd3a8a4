import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { youngHeapFlag } from "@simpletuner-cloud/cli/young-heap.ts";
import { apiClient } from "@simpletuner-cloud/contract/client.ts";
import type { AccessKey } from "./storage-load.ts";

/** A server under measurement. */
export interface StorageServer {
  name: string;
  port: number;
  /** Path in front of every key. */
  prefix: string;
  /** What requests are signed with; null where they are plain HTTP. */
  accessKey: AccessKey | null;
  /** User and system time of all its processes. */
  cpuSeconds(): number;
  /** Highest resident memory since {@link resetPeak}, of all its processes together. */
  peakRssBytes(): number;
  resetPeak(): void;
  stop(): Promise<void>;
}

const outputsPath = "/api/cloud/storage/outputs/";

/** The key that our endpoint knows when it runs alone, and that other servers are started with. */
const benchKey: AccessKey = { id: "bench", secret: "bench-secret" };

/** Bundles our endpoint as the product is bundled; returns the file. */
export async function bundleEndpoint(folder: string): Promise<string> {
  const input = fileURLToPath(new URL("storage-endpoint.ts", import.meta.url));
  const bundle = await rolldown({ input, platform: "node", external: [/^node:/] });
  const file = join(folder, "storage-endpoint.mjs");
  await bundle.write({ file, format: "es" });
  await bundle.close();
  return file;
}

/** Our endpoint with the given durability, from its bundle. */
export async function startEndpoint(
  script: string,
  folder: string,
  durability: "full" | "fast",
): Promise<StorageServer> {
  const name = durability === "full" ? "endpoint" : "endpoint, no fdatasync";
  const started = await startNode([youngHeapFlag, script, folder, durability]);
  return { name, prefix: outputsPath, accessKey: benchKey, ...started };
}

/** The bare server; with `sync`, it flushes files as our endpoint does. */
export async function startBare(folder: string, sync: boolean): Promise<StorageServer> {
  await mkdir(folder, { recursive: true });
  const script = fileURLToPath(new URL("storage-bare-server.ts", import.meta.url));
  const name = sync ? "bare Node + fsync" : "bare Node";
  const started = await startNode([script, folder, sync ? "sync" : ""]);
  return { name, prefix: "/", accessKey: null, ...started };
}

/** nginx with WebDAV from this machine's packages, one worker; null when it is not installed. */
export async function startNginx(folder: string): Promise<StorageServer | null> {
  const version = spawnSync("nginx", ["-V"], { encoding: "utf8" });
  if (version.error !== undefined || !version.stderr.includes("http_dav_module")) return null;
  await mkdir(join(folder, "data"), { recursive: true });
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  await writeFile(
    file,
    `${process.getuid?.() === 0 ? "user root;" : ""} daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
    events { worker_connections 256; }
    http { access_log off; ${temporary} client_max_body_size 0; sendfile on; keepalive_requests 1000000;
      server { listen 127.0.0.1:${port}; root ${folder}/data; dav_methods PUT DELETE; } }`,
  );
  const child = spawn("nginx", ["-c", file, "-p", folder], { stdio: ["ignore", "ignore", "inherit"] });
  await untilListening(port, child);
  return { name: "nginx WebDAV", port, prefix: "/", accessKey: null, ...processFigures(child) };
}

/** `rclone serve s3` over a folder, where `RCLONE` or the PATH has an rclone with it; null without. */
export async function startRclone(folder: string): Promise<StorageServer | null> {
  const program = process.env["RCLONE"] ?? "rclone";
  const help = spawnSync(program, ["serve", "s3", "--help"], { encoding: "utf8" });
  if (help.error !== undefined || !help.stdout.includes("--auth-key")) return null;
  await mkdir(join(folder, "outputs"), { recursive: true });
  const port = await freePort();
  const key = ["--auth-key", `${benchKey.id},${benchKey.secret}`];
  const args = ["serve", "s3", "--config", "/dev/null", "--addr", `127.0.0.1:${port}`, ...key, folder];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore"] });
  await untilListening(port, child);
  const name = "rclone serve s3";
  return { name, port, prefix: "/outputs/", accessKey: benchKey, ...processFigures(child) };
}

/** The whole product from dist/, the endpoint being one of the things it does; null before it was built. */
export async function startProduct(folder: string): Promise<StorageServer | null> {
  const program = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
  if (!existsSync(program)) return null;
  const port = await freePort();
  const args = [program, "server", "--port", String(port), "--state-dir", folder];
  const env = { ...process.env, SIMPLETUNER_LOG_LEVEL: "warn" };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  await untilListening(port, child);
  const call = apiClient(`http://127.0.0.1:${port}`);
  const made = await call("POST /api/cloud/storage-keys", { body: { name: "bench", access: "readwrite" } });
  const accessKey = { id: made.key.access_key_id, secret: made.secret_access_key };
  return { name: "whole server", port, prefix: outputsPath, accessKey, ...processFigures(child) };
}

async function startNode(
  args: readonly string[],
): Promise<Omit<StorageServer, "name" | "prefix" | "accessKey">> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", (line: string) => resolve(Number(line)));
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
  });
  return { port, ...processFigures(child) };
}

function processFigures(
  child: ChildProcess,
): Pick<StorageServer, "cpuSeconds" | "peakRssBytes" | "resetPeak" | "stop"> {
  const pids = (): number[] => {
    const pid = child.pid ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return [pid, ...children.split(" ").filter(Boolean).map(Number)];
  };
  const sum = (figure: (pid: number) => number): number =>
    pids().reduce((total, pid) => total + figure(pid), 0);
  return {
    cpuSeconds: () => sum(cpuOf),
    peakRssBytes: () => sum(peakOf),
    resetPeak: () => void sum((pid) => (writeFileSync(`/proc/${pid}/clear_refs`, "5"), 0)),
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** User and system time of `/proc/<pid>/stat`, in ticks of 10 ms. */
function cpuOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}.`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.unref().once("connect", () => socket.destroy());
    });
    if (isOpen) return;
    await delay(25);
  }
  throw new Error(`Nothing listens on ${port}.`);
}
