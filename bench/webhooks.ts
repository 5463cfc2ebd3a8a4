import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { startReplicateEmulator } from "@simpletuner-cloud/e2e/replicate-emulator/emulator.ts";
import { seedJobs } from "./seed-jobs.ts";
import { type ListeningProcess, serverProgram, startProgram } from "./server-process.ts";

/**
 * Signed deliveries of webhooks, each found by the provider's id among many jobs, beside a bare receiver that only
 * checks the same signature, in one run. Usage: `node bench/webhooks.ts [jobs] [seconds]`
 */
const jobs = Number(process.argv[2] ?? 100_000);
const seconds = process.argv[3] ?? "5";
const goal = 3_000;
const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Deliveries a second that a receiver takes, and the microseconds of processor time that one costs it. */
async function measured(receiver: ListeningProcess, secret: string): Promise<{ rate: number; cpu: number }> {
  const path = "/api/webhooks/replicate";
  const before = receiver.cpuSeconds();
  const load = [here("webhooks-load.ts"), receiver.url + path, secret, String(jobs), seconds];
  const { stdout } = await run(process.execPath, load);
  const [rate = 0, refused = 0] = stdout.trim().split(" ").map(Number);
  if (refused > 32) throw new Error(`${refused} deliveries were not taken`);
  return { rate, cpu: ((receiver.cpuSeconds() - before) / (rate * Number(seconds))) * 1e6 };
}

const folder = await mkdtemp(join(tmpdir(), "webhooks-bench-"));
const emulator = await startReplicateEmulator();
try {
  await seedJobs(folder, jobs);
  const db = new DatabaseSync(statePaths(folder).database);
  db.exec("begin");
  const insert = db.prepare(
    "insert into external_runs (provider, external_id, job_id) values ('replicate', ?, ?)",
  );
  const ids = db.prepare("select id from jobs limit ?").all(jobs);
  for (const [index, { id }] of ids.entries()) insert.run(`run-${index}`, String(id));
  db.exec("commit");
  db.close();
  const env = {
    ...process.env,
    SIMPLETUNER_STATE_DIR: folder,
    SIMPLETUNER_PORT: "0",
    SIMPLETUNER_LOG_FORMAT: "json",
    RATE_LIMIT_CALLS: "0",
    REPLICATE_API_TOKEN: emulator.token,
    REPLICATE_BASE_URL: emulator.baseUrl,
  };
  const secret = emulator.webhooks.secret();
  const server = await startProgram(serverProgram(), env, "/health");
  const bare = await startProgram([here("webhooks-bare-server.ts"), secret], process.env, null);
  await measured(server, secret);
  const ours = await measured(server, secret);
  const limit = await measured(bare, secret);
  console.log(
    `${ours.rate.toFixed(0)} signed deliveries/s among ${jobs} jobs (goal ${goal}: ${ours.rate >= goal ? "met" : "NOT met"}); bare node ${limit.rate.toFixed(0)}/s, ratio ${(ours.rate / limit.rate).toFixed(2)}`,
  );
  console.log(`processor time of one: ${ours.cpu.toFixed(0)} µs, bare ${limit.cpu.toFixed(0)} µs`);
  await Promise.all([server.stop(), bare.stop()]);
} finally {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
}
