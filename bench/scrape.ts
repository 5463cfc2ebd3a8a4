import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { openSqlite } from "@simpletuner-cloud/server/db/sqlite-driver.ts";
import { dayOf } from "@simpletuner-cloud/server/domain/spend-limit.ts";
import { seedJobs } from "./seed-jobs.ts";
import { serverProgram, startBareServer, startServer } from "./server-process.ts";

/**
 * A scrape of all categories over a table of jobs that each cost something this month, under a monthly limit, beside a
 * bare `node:http` server that answers as many bytes. Usage: `node bench/scrape.ts [jobs] [scrapes]`
 */
const jobs = Number(process.argv[2] ?? 100_000);
const scrapes = Number(process.argv[3] ?? 500);
const goalMs = 5;
const dayMs = 86_400_000;

function seedCosts(path: string): void {
  const database = openSqlite(path);
  database.exec("begin");
  const insert = database.prepare(
    "insert into cost_days (job_id, day, user_id, provider, hardware, micros) select id, ?, user_id, 'replicate', 'h100', 1000000 from jobs where rowid % 28 = ?",
  );
  for (let ago = 0; ago < 28; ago++) insert.run(dayOf(Date.now() - ago * dayMs), ago);
  database.exec(
    "insert into spend_limits (provider, amount_micros, period, action, slice_ms, updated_at, updated_by) values ('', 1000000000000, 'monthly', 'warn', 600000, 0, 'bench')",
  );
  database.exec("commit");
  database.close();
}

async function scrapeMs(url: string): Promise<{ ms: number; bytes: number }> {
  const startedAt = performance.now();
  const answer = await fetch(url);
  const { byteLength } = await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return { ms: performance.now() - startedAt, bytes: byteLength };
}

async function quantiles(url: string) {
  for (let count = 0; count < 50; count++) await scrapeMs(url);
  const took: number[] = [];
  let bytes = 0;
  for (let count = 0; count < scrapes; count++) {
    const one = await scrapeMs(url);
    took.push(one.ms);
    bytes = one.bytes;
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95), bytes };
}

const folder = await mkdtemp(join(tmpdir(), "scrape-bench-"));
try {
  await seedJobs(folder, jobs);
  seedCosts(statePaths(folder).database);
  const server = await startServer(folder, serverProgram());
  const json = { "content-type": "application/json" };
  const call = (path: string, body = "{}") =>
    fetch(server.url + path, { method: "POST", headers: json, body });
  await call("/api/cloud/metrics/config/apply-template/full");
  // Every page of the UI asks for some of these, so that there are about as many series as on a server in use.
  for (const path of [
    "jobs",
    "metrics/config",
    "health",
    "circuit-breakers",
    "cost/summary",
    "providers",
    "jobs/none",
  ])
    await fetch(`${server.url}/api/cloud/${path}`);
  const cpuBefore = server.cpuSeconds();
  const ours = await quantiles(`${server.url}/api/cloud/metrics/prometheus`);
  const cpuMs = ((server.cpuSeconds() - cpuBefore) / (scrapes + 50)) * 1_000;
  const bare = await startBareServer();
  const limit = await quantiles(`${bare.url}/?bytes=${ours.bytes}`);
  await bare.stop();
  await server.stop();
  console.log(
    `a scrape of ${ours.bytes} bytes over ${jobs} jobs: median ${ours.median.toFixed(2)} ms, 95 % ${ours.p95.toFixed(2)} ms (goal <= ${goalMs}: ${ours.median <= goalMs ? "yes" : "NO"}), ${cpuMs.toFixed(2)} ms of processor each; bare node answers as many bytes in ${limit.median.toFixed(2)} ms`,
  );
  process.exitCode = ours.median <= goalMs ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
