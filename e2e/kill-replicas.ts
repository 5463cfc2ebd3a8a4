import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { ApiClient } from "@simpletuner-cloud/contract/client.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { makeDataset } from "../server/testing/test-server.ts";
import { launchPostgres, type RealService } from "../server/testing/real-services.ts";
import { trainerScript } from "../server/testing/trainer-scripts.ts";
import {
  type ReplicaServer,
  type ReplicaSite,
  replicaSkip,
  startReplicaSite,
} from "./testing/replica-site.ts";

/**
 * Kills servers, PostgreSQL and Redis with -9, one each round, while jobs are submitted, driven and watched through nginx, and checks
 * that every job that was answered trains exactly once and completes, and how soon the servers work again.
 * Usage: `node e2e/kill-replicas.ts [--rounds 50]`; prints a line a round and exits 1 when something was lost, doubled or late.
 */

/** The servers have so long to start and end jobs again. */
const recoveryMs = 10_000;
/** What has not come after so long does not come any more. */
const giveUpMs = 60_000;
/** Jobs of the load that are under way at once; there is room for another. */
const atOnce = 3;

type Datasets = Awaited<ReturnType<typeof makeDataset>>["dataloader"];

/** What was found. */
export interface KillReport {
  /** From each kill to the first job that was submitted, started and completed after it. */
  recoveredMs: number[];
  jobs: number;
  /** What is wrong; empty when all is well. */
  problems: string[];
}

/** Each start of a training is a line with the job's id, which its configuration holds. */
const trainer = (folder: string): string =>
  trainerScript(`
id=$(sed -n 's/.*"__job_id__": "\\([^"]*\\)".*/\\1/p' "$CONFIG_PATH")
echo "$id" >> "${folder}/starts"
echo "Training step 1/2 loss=0.9"
sleep 0.3
echo "Training step 2/2 loss=0.1"
printf weights > "$out/pytorch_lora_weights.safetensors"
`);

/** Runs the rounds; `tell` hears of each. */
export async function killReplicas(rounds: number, tell: (line: string) => void): Promise<KillReport> {
  const postgres = await launchPostgres();
  const site = await startReplicaSite(trainer, { databaseUrl: postgres.url }).catch(
    async (error: unknown) => {
      await postgres.end();
      throw error;
    },
  );
  const report: KillReport = { recoveredMs: [], jobs: 0, problems: [] };
  const over = new AbortController();
  try {
    const { dataloader } = await makeDataset(site.folder);
    await site.call("POST /api/queue/concurrency", { body: { max_concurrent: atOnce + 1 } });
    const submitted: string[] = [];
    const load = Promise.all(
      Array.from({ length: atOnce }, (_, at) =>
        submitting(site, dataloader, submitted, `load-${at}`, over.signal),
      ),
    );
    // Seen where it is awaited; until then it must not count as unhandled.
    load.catch(() => undefined);
    const victims = new Map<string, () => Promise<void>>([
      ...site.servers.map((server, at) => [`server ${at + 1}`, () => killServer(server)] as const),
      ["PostgreSQL", () => restart(postgres)],
      ["Redis", () => restart(site.redis)],
    ]);
    const order = Array.from({ length: Math.ceil(rounds / victims.size) }, () => [...victims]).flat();
    for (const [round, [what, kill]] of order.slice(0, rounds).entries()) {
      await delay(Math.random() * 1_000);
      const killedAt = performance.now();
      const restarted = kill();
      const jobId = await submitSurely(site.call, dataloader, `round-${round}`);
      submitted.push(jobId);
      await ended(site.call, jobId);
      const tookMs = performance.now() - killedAt;
      report.recoveredMs.push(tookMs);
      if (tookMs > recoveryMs)
        report.problems.push(`round ${round}: ${Math.round(tookMs)} ms after killing ${what}`);
      tell(`${round + 1}: killed ${what}, a new job was complete after ${Math.round(tookMs)} ms`);
      await restarted;
    }
    over.abort();
    await load;
    report.jobs = submitted.length;
    await checkJobs(site, submitted, report.problems);
    return report;
  } finally {
    over.abort();
    await site.close();
    await postgres.end();
  }
}

async function killServer(server: ReplicaServer): Promise<void> {
  await server.process.kill();
  await server.start();
}

async function restart(service: RealService): Promise<void> {
  await service.kill();
  await service.start();
}

/** Keeps one job on its way; a submit that was cut off is repeated under its key. */
async function submitting(
  site: ReplicaSite,
  dataloader: Datasets,
  submitted: string[],
  name: string,
  signal: AbortSignal,
): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    const jobId = await submitSurely(site.call, dataloader, `${name}-${number}`);
    submitted.push(jobId);
    await ended(site.call, jobId);
  }
}

/** The job that a key has, however often it had to be asked for. */
async function submitSurely(call: ApiClient, dataloader_config: Datasets, key: string): Promise<string> {
  const body = { config: { max_train_steps: 2 }, dataloader_config, idempotency_key: key };
  for (const untilMs = performance.now() + giveUpMs; performance.now() < untilMs; await delay(50)) {
    const answer = await call("POST /api/cloud/jobs/submit", { body }).catch(() => null);
    if (answer) return answer.job_id;
  }
  throw new Error(`no server took the job ${key} within ${giveUpMs} ms`);
}

async function ended(call: ApiClient, job_id: string): Promise<Job> {
  for (const untilMs = performance.now() + giveUpMs; performance.now() < untilMs; await delay(50)) {
    const answer = await call("GET /api/cloud/jobs/{job_id}", { params: { job_id } }).catch(() => null);
    if (answer?.job.is_terminal) return answer.job;
  }
  throw new Error(`job ${job_id} was not over within ${giveUpMs} ms`);
}

/** Each job is there once, complete, with one start of one attempt. */
async function checkJobs(site: ReplicaSite, submitted: readonly string[], problems: string[]): Promise<void> {
  const starts = (await readFile(join(site.folder, "starts"), "utf8")).trim().split("\n");
  const { total } = await site.call("GET /api/cloud/jobs", { query: { limit: 1 } });
  if (total !== submitted.length)
    problems.push(`${submitted.length} jobs were submitted, there are ${total}`);
  for (const jobId of submitted) {
    const { status, attempt } = await ended(site.call, jobId);
    const times = starts.filter((id) => id === jobId).length;
    if (status !== "completed" || attempt !== 1 || times !== 1)
      problems.push(`job ${jobId} is ${status} after ${attempt} attempts and ${times} starts`);
  }
}

if (import.meta.main) {
  if (replicaSkip !== false) throw new Error(replicaSkip);
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "50" } } });
  const { recoveredMs, jobs, problems } = await killReplicas(Number(values.rounds), console.log);
  const sorted = recoveredMs.toSorted((left, right) => left - right).map(Math.round);
  console.log(
    `${recoveredMs.length} kills, ${jobs} jobs: recovery ${sorted[sorted.length >> 1]} ms in the middle, ${sorted.at(-1)} ms at most; ${problems.length} problems`,
  );
  for (const problem of problems) console.log(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
