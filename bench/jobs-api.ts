import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { hasWrk, requestsPerSecond } from "./http-load.ts";
import { seedJobs } from "./seed-jobs.ts";
import { type ListeningProcess, serverProgram, startBareServer, startServer } from "./server-process.ts";

/**
 * The jobs API beside a bare `node:http` server that answers as many bytes, in one run, over tables of several sizes.
 * Usage: `node bench/jobs-api.ts [--jobs 1000,100000,1000000] [--seconds 4] [--streams 1000] [--dir /tmp] [--program <file>]`
 * A million jobs need 4 GB below --dir. It runs the build in dist/ where there is one, else server/main.ts; `--program`
 * names another start file. The machine should be calm: processor time per request is told beside, for when it is not.
 */
function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return (at === -1 ? undefined : process.argv[at + 1]) ?? otherwise;
}

const sizes = option("jobs", "1000,100000,1000000").split(",").map(Number);
const seconds = Number(option("seconds", "4"));
const streams = Number(option("streams", "1000"));
const program = process.argv.includes("--program") ? [option("program", "")] : serverProgram();
const workDir = await mkdtemp(join(option("dir", tmpdir()), "jobs-api-bench-"));
const list = "/api/cloud/jobs?limit=50";

function print(figure: string, measured: string, goal: string, met: boolean, beside: string): void {
  const verdict = goal === "" ? "" : met ? "yes" : "NO";
  console.log(
    `${figure.padEnd(34)}${measured.padStart(14)}${goal.padStart(12)}${verdict.padStart(6)}   ${beside}`,
  );
}

function atQuantile(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}

async function reads(
  server: ListeningProcess,
  bare: ListeningProcess,
  figure: string,
  paths: readonly string[],
  goal: number,
): Promise<void> {
  const answer = await fetch(server.url + paths[0]);
  const bytes = (await answer.arrayBuffer()).byteLength;
  await requestsPerSecond(server.url, paths, 2, workDir);
  const cpuBefore = server.cpuSeconds();
  const ours = await requestsPerSecond(server.url, paths, seconds, workDir);
  const cpu = ((server.cpuSeconds() - cpuBefore) / (ours * seconds)) * 1e6;
  const limit = await requestsPerSecond(bare.url, [`/?bytes=${bytes}`], Math.min(2, seconds), workDir);
  const beside = `${cpu.toFixed(0)} µs of processor each; bare node ${limit.toFixed(0)} req/s with ${bytes} bytes (ratio ${(ours / limit).toFixed(2)})`;
  print(figure, `${ours.toFixed(0)} req/s`, `>= ${goal}`, ours >= goal, beside);
}

async function timedPosts(url: string, count: number, bodyOf: (index: number) => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(bodyOf(index)),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    times.push(performance.now() - startedAt);
  }
  return times.sort((a, b) => a - b);
}

async function submits(server: ListeningProcess, bare: ListeningProcess): Promise<void> {
  const dataset = join(workDir, "dataset");
  await mkdir(dataset, { recursive: true });
  for (let index = 0; index < 4; index++) {
    await writeFile(join(dataset, `image-${index}.jpg`), Buffer.alloc(20_000, index));
    await writeFile(join(dataset, `image-${index}.txt`), "a lighthouse by the sea");
  }
  const body = (index: number) => ({
    name: `bench ${index}`,
    config: { model_family: "pixel-denoiser", model_type: "lora", max_train_steps: 100 },
    dataloader_config: [{ id: "pictures", type: "local", instance_data_dir: dataset }],
    dataset_transfer: "in_place",
  });
  const submitUrl = `${server.url}/api/cloud/jobs/submit`;
  await timedPosts(submitUrl, 30, body);
  const ours = await timedPosts(submitUrl, 300, body);
  const limit = await timedPosts(bare.url, 300, body);
  const p50 = atQuantile(ours, 0.5);
  const beside = `p99 ${atQuantile(ours, 0.99).toFixed(1)} ms; bare node ${atQuantile(limit, 0.5).toFixed(2)} ms`;
  print("submit, p50", `${p50.toFixed(2)} ms`, "<= 6 ms", p50 <= 6, beside);
}

async function streamLatencies(
  url: string,
  path: string,
  causes: readonly [string, string, string][],
): Promise<{ p50: number; p99: number; max: number }> {
  const script = fileURLToPath(new URL("event-streams.ts", import.meta.url));
  const child = spawn(process.execPath, [script, url, path, String(streams)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(JSON.stringify(causes));
  let output = "";
  for await (const piece of child.stdout.setEncoding("utf8")) output += piece as string;
  return JSON.parse(output) as { p50: number; p99: number; max: number };
}

/** Cancelling a waiting job makes one event; the latency counts from the request that asks for it. */
async function events(server: ListeningProcess, bare: ListeningProcess): Promise<void> {
  const answer = await fetch(`${server.url}/api/cloud/jobs?status=pending&limit=100`);
  const { jobs } = (await answer.json()) as { jobs: { job_id: string }[] };
  const ours = await streamLatencies(
    server.url,
    "/api/events/stream",
    jobs.map(({ job_id }) => ["POST", `/api/cloud/jobs/${job_id}/cancel`, job_id]),
  );
  const limit = await streamLatencies(
    bare.url,
    "/stream",
    jobs.map(() => ["POST", "/publish", "padding"]),
  );
  const beside = `p50 ${ours.p50.toFixed(1)}; bare node p50 ${limit.p50.toFixed(1)}, p99 ${limit.p99.toFixed(1)} ms`;
  print(`event to ${streams} streams, p99`, `${ours.p99.toFixed(1)} ms`, "<= 50 ms", ours.p99 <= 50, beside);
}

async function starts(stateDir: string): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const server = await startServer(stateDir, program);
    times.push(server.startSeconds);
    await server.stop();
  }
  const bare = await startBareServer();
  await bare.stop();
  const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
  const beside = `worst ${times.at(-1)?.toFixed(2)}; bare node ${bare.startSeconds.toFixed(2)} s`;
  print("cold start to first answer", `${median.toFixed(2)} s`, "<= 0.6 s", median <= 0.6, beside);
}

function memory(figure: string, server: ListeningProcess, bare: ListeningProcess, goal: number): void {
  const mib = server.rssBytes() / 2 ** 20;
  const beside = `bare node ${(bare.rssBytes() / 2 ** 20).toFixed(0)} MiB`;
  print(figure, `${mib.toFixed(0)} MiB`, goal > 0 ? `<= ${goal}` : "", mib * 1.048_576 <= goal, beside);
}

async function measure(jobs: number): Promise<void> {
  const stateDir = join(workDir, `state-${jobs}`);
  const seeded = await seedJobs(stateDir, jobs);
  const size = `${(seeded.databaseBytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(`\n${jobs} jobs (seeded in ${seeded.seconds.toFixed(0)} s, database ${size})`);
  await starts(stateDir);
  const server = await startServer(stateDir, program);
  const bare = await startBareServer();
  try {
    await delay(3_000);
    memory("memory, idle", server, bare, 110);
    // A server that has just started compiles what is called often for some seconds; the first figure must not tell that.
    await requestsPerSecond(server.url, [list], 5, workDir);
    await reads(server, bare, "list of 50, plain", [list], 4_000);
    await reads(server, bare, "list of 50, by status", [`${list}&status=failed`], 4_000);
    await reads(server, bare, "list of 50, last page", [`${list}&cursor=last`], 4_000);
    const paths = seeded.someIds.map((id) => `/api/cloud/jobs/${id}`);
    await reads(server, bare, "one by id", paths, 8_000);
    await submits(server, bare);
    await events(server, bare);
    await delay(1_000);
    memory("memory, after the load", server, bare, 0);
  } finally {
    await server.stop();
    await bare.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

try {
  console.log(`${program.join(" ")}, load by ${hasWrk ? "wrk" : "our own client"}`);
  console.log(
    `${"figure".padEnd(34)}${"measured".padStart(14)}${"goal".padStart(12)}${"met".padStart(6)}   beside`,
  );
  for (const jobs of sizes) await measure(jobs);
} finally {
  await rm(workDir, { recursive: true, force: true });
}
