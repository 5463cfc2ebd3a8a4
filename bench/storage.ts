import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LoadResult, LoadTask, PayloadKind } from "./storage-load.ts";
import {
  bundleEndpoint,
  startBare,
  startEndpoint,
  startNginx,
  startProduct,
  startRclone,
  type StorageServer,
} from "./storage-servers.ts";

/**
 * The storage endpoint beside a bare `node:http` server that writes files, nginx WebDAV and rclone, in one run: large objects
 * in one stream and in parts, small ones, and many at once. Runs alternate, keys are fresh, and every object is
 * deleted as soon as it was measured, small ones at the end; "bare" is the ceiling of this runtime on this machine.
 * Usage: `node bench/storage.ts [--mib 1024] [--rounds 3] [--small 4000] [--many 32] [--many-mib 1024] [--dir /tmp]
 * [--only endpoint] [--figures put,get,multipart,small,many]`
 */
function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return (at === -1 ? undefined : process.argv[at + 1]) ?? otherwise;
}

const mebibyte = 1 << 20;
const largeBytes = Number(option("mib", "1024")) * mebibyte;
const partBytes = Math.min(64 * mebibyte, largeBytes / 4);
const rounds = Number(option("rounds", "3"));
const smallEach = Math.ceil(Number(option("small", "4000")) / 16);
const manyClients = Number(option("many", "32"));
const manyBytes = Number(option("many-mib", "1024")) * mebibyte;
const figures = option("figures", "put,get,multipart,small,many").split(",");
const only = option("only", "");
const loadScript = fileURLToPath(new URL("storage-load.ts", import.meta.url));
const run = promisify(execFile);
const workDir = await mkdtemp(join(option("dir", tmpdir()), "storage-bench-"));

interface Sample {
  /** MB/s, or requests a second of small objects. */
  rate: number;
  /** Processor seconds of the server per GB, or microseconds per request. */
  cpu: number;
  peakRssBytes: number;
  completeMs: number;
}

const results = new Map<string, Map<string, Sample[]>>();
let keys = 0;

async function load(
  server: StorageServer,
  task: Partial<LoadTask> & Pick<LoadTask, "operation" | "key">,
): Promise<LoadResult> {
  const whole: LoadTask = {
    port: server.port,
    prefix: server.prefix,
    accessKey: server.accessKey,
    payload: server.accessKey === null ? "plain" : "unsigned",
    clients: 1,
    objectsEach: 0,
    sizeBytes: largeBytes,
    partBytes,
    ...task,
  };
  const { stdout } = await run(process.execPath, [loadScript, JSON.stringify(whole)]);
  return JSON.parse(stdout) as LoadResult;
}

/**
 * Writes and removes a file, so that every contender finds memory that the machine has at hand: on virtual machines
 * the first use of a page costs several times what writing it does.
 */
function warmPageCache(bytes: number): void {
  const file = join(workDir, "warm");
  execFileSync("dd", ["if=/dev/zero", `of=${file}`, "bs=1M", `count=${bytes >> 20}`, "status=none"]);
  execFileSync("rm", [file]);
}

/** Runs one task and keeps its figures under `row`; `isSmall` counts requests instead of bytes. */
async function measure(
  row: string,
  server: StorageServer,
  task: Partial<LoadTask> & Pick<LoadTask, "operation" | "key">,
  isSmall = false,
): Promise<void> {
  if (task.operation !== "get" && !isSmall) warmPageCache(Math.min(largeBytes, 2 ** 30));
  server.resetPeak();
  const cpuBefore = server.cpuSeconds();
  const { seconds, completeMs } = await load(server, task);
  const cpuSeconds = server.cpuSeconds() - cpuBefore;
  const objects = task.objectsEach === undefined ? 1 : (task.clients ?? 1) * task.objectsEach;
  const gigabytes = (objects * (task.sizeBytes ?? largeBytes)) / 1e9;
  const sample = {
    rate: isSmall ? objects / seconds : (gigabytes * 1000) / seconds,
    cpu: isSmall ? (cpuSeconds * 1e6) / objects : cpuSeconds / gigabytes,
    peakRssBytes: server.peakRssBytes(),
    completeMs,
  };
  const ofRow = results.get(row) ?? new Map<string, Sample[]>();
  results.set(row, ofRow);
  ofRow.set(server.name, [...(ofRow.get(server.name) ?? []), sample]);
  const told = `${sample.rate.toFixed(0)}, CPU ${sample.cpu.toFixed(2)}, peak ${(sample.peakRssBytes / mebibyte).toFixed(0)} MiB`;
  console.log(`  ${row.padEnd(28)}${server.name.padEnd(24)}${told}, load ${loadavg()[0]?.toFixed(2)}`);
}

const payloadsOf = (server: StorageServer): PayloadKind[] =>
  server.accessKey === null ? ["plain"] : ["crc32", "crc64nvme", "sha256", "unsigned"];

async function largeRound(server: StorageServer): Promise<void> {
  for (const payload of payloadsOf(server)) {
    const key = `large-${keys++}`;
    const isRead = figures.includes("get") && payload === payloadsOf(server)[0];
    if (!figures.includes("put") && !isRead) continue;
    await measure(`PUT, ${payload}`, server, { operation: "put", key, payload });
    if (isRead) await measure("GET", server, { operation: "get", key });
    await load(server, { operation: "delete", key });
  }
  if (!figures.includes("multipart") || server.name === "nginx WebDAV") return;
  for (const payload of payloadsOf(server).slice(0, 2)) {
    const key = `parts-${keys++}`;
    await measure(`4 parts at once, ${payload}`, server, {
      operation: "multipart",
      key,
      payload,
      clients: 4,
    });
    await load(server, { operation: "delete", key });
  }
}

async function smallRound(server: StorageServer): Promise<void> {
  const key = `small-${keys++}`;
  const payload = server.accessKey === null ? "plain" : "sha256";
  const small = { key, payload, clients: 16, objectsEach: smallEach, sizeBytes: 4096 } as const;
  await measure("4 KiB PUT, 16 clients", server, { operation: "put", ...small }, true);
  await measure("4 KiB GET, 16 clients", server, { operation: "get", ...small }, true);
  // They stay until the end: ext4 is slow at finding new inodes among many that were freed a moment ago.
}

async function manyRound(server: StorageServer): Promise<void> {
  const key = `many-${keys++}`;
  const payload = server.accessKey === null ? "plain" : "crc32";
  const many = { key, payload, clients: manyClients, objectsEach: 1, sizeBytes: manyBytes } as const;
  await measure(`${manyClients} clients × ${manyBytes / mebibyte} MiB PUT`, server, {
    operation: "put",
    ...many,
  });
  await load(server, { operation: "delete", ...many });
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

/** Verified or not, our rows are compared with the one plain row of the others. */
function plainRow(row: string): string {
  return row.replace(/, (crc32|crc64nvme|sha256|unsigned)$/, ", plain");
}

function printResults(): void {
  const cells = (values: readonly string[]): string => values.map((value) => value.padStart(12)).join("");
  console.log(
    "\nMB/s (or requests/s) by medians; × bare: of the bare Node server's median; CPU: s/GB (or µs/request)",
  );
  console.log(`${"".padEnd(52)}${cells(["best", "median", "× bare", "CPU", "peak MiB", "complete ms"])}`);
  for (const [row, servers] of results) {
    for (const [name, samples] of servers) {
      const rate = median(samples.map((sample) => sample.rate));
      const bare = results.get(plainRow(row))?.get("bare Node");
      const ratio = bare === undefined ? Number.NaN : rate / median(bare.map((sample) => sample.rate));
      const complete = median(samples.map((sample) => sample.completeMs));
      console.log(
        `${row.padEnd(28)}${name.padEnd(24)}${cells([
          Math.max(...samples.map((sample) => sample.rate)).toFixed(0),
          rate.toFixed(0),
          Number.isNaN(ratio) ? "" : ratio.toFixed(2),
          median(samples.map((sample) => sample.cpu)).toFixed(2),
          (Math.max(...samples.map((sample) => sample.peakRssBytes)) / mebibyte).toFixed(0),
          complete > 0 ? complete.toFixed(0) : "",
        ])}`,
      );
    }
  }
}

async function startAll(): Promise<StorageServer[]> {
  const endpoint = await bundleEndpoint(workDir);
  const found = [
    await startBare(join(workDir, "bare"), false),
    await startBare(join(workDir, "bare-sync"), true),
    await startEndpoint(endpoint, join(workDir, "full"), "full"),
    await startEndpoint(endpoint, join(workDir, "fast"), "fast"),
  ];
  const nginx = await startNginx(join(workDir, "nginx"));
  if (nginx === null) console.log("skipped: nginx WebDAV (no nginx with its DAV module on this machine)");
  else found.push(nginx);
  const rclone = await startRclone(join(workDir, "rclone"));
  if (rclone === null)
    console.log("skipped: rclone serve s3 (Debian builds rclone without it; RCLONE may name another)");
  else found.push(rclone);
  return found;
}

const servers = await startAll();
try {
  const chosen = servers.filter(({ name }) => name.includes(only));
  console.log(
    `${largeBytes / mebibyte} MiB objects, parts of ${partBytes / mebibyte} MiB, ${rounds} rounds, load ${loadavg()[0]?.toFixed(2)}`,
  );
  for (let round = 0; round < rounds; round++) {
    // Whoever comes first finds the disk at rest, so that takes turns.
    for (const server of [
      ...chosen.slice(round % chosen.length),
      ...chosen.slice(0, round % chosen.length),
    ]) {
      execFileSync("sync", ["-f", workDir]);
      await largeRound(server);
      if (figures.includes("small")) await smallRound(server);
    }
  }
  if (figures.includes("many")) {
    const product = await startProduct(join(workDir, "product"));
    if (product === null) console.log("skipped: the whole server (npm run build makes it)");
    else servers.push(product);
    for (const server of servers.filter(({ name }) => name.includes(only))) {
      execFileSync("sync", ["-f", workDir]);
      await manyRound(server);
    }
  }
  printResults();
} finally {
  for (const server of servers) await server.stop();
  await rm(workDir, { recursive: true, force: true });
}
