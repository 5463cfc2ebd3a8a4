import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import {
  eventually,
  freePort,
  jsonFrom,
  repository,
  type RunningProgram,
  runProgram,
} from "./testing/run-program.ts";
import { seeded } from "./testing/seeded.ts";

/**
 * Kills the server with -9 while it takes a job from the dataset to the model, starts it again, and checks that the
 * job ends completed exactly once with a whole model and nothing left behind.
 * Usage: `node e2e/kill-restart.ts [--rounds 20] [--seed 1]`; prints a line a round and exits 1 when one failed.
 */

/** The longest random while between the stretch a kill aims at and the kill; short where the stretch itself is. */
const jitterMs = {
  packaging: 600,
  "hand-over": 400,
  training: 800,
  uploading: 300,
  finishing: 150,
};

/** One job's kill: in which stretch, and whether the trainer dies as well, as on a machine that loses power. */
export interface PlannedKill {
  aim: "any moment" | keyof typeof jitterMs;
  withTrainer: boolean;
}

/** Every second kill at any moment of the job, the others spread over its stretches; every fifth takes the trainer. */
export function plannedKills(rounds: number): PlannedKill[] {
  const stretches = Object.keys(jitterMs) as (keyof typeof jitterMs)[];
  return Array.from({ length: rounds }, (_, round) => ({
    aim: round % 2 === 0 ? "any moment" : (stretches[(round >> 1) % stretches.length] ?? "any moment"),
    withTrainer: round % 5 === 3,
  }));
}

/** How one job went. */
export interface RoundReport {
  /** What was killed when, in words. */
  kills: string[];
  /** Milliseconds from each new start to its first answer. */
  recoveredMs: number[];
  status: string;
  attempt: number;
  seconds: number;
  /** What is wrong; empty when all is well. */
  problems: string[];
}

/** How {@link killAndRestart} goes about it; equal seeds aim at equal moments. */
export interface KillOptions {
  kills: readonly PlannedKill[];
  seed: number;
  /** Small files beside the images, which make packaging take its time. */
  ballastFiles: number;
}

interface Site {
  stateDir: string;
  port: number;
  url: string;
  call: ApiClient;
  dataset: string;
  random: () => number;
}

/** Runs one undisturbed job to compare with, then one job for each kill; yields a report for every job. */
export async function* killAndRestart(options: KillOptions): AsyncGenerator<RoundReport> {
  const folder = await mkdtemp(join(tmpdir(), "kill restart "));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const site: Site = {
    stateDir: join(folder, "state"),
    port,
    url,
    call: apiClient(url),
    dataset: await makeDataset(join(folder, "dataset"), options.ballastFiles),
    random: seeded(options.seed),
  };
  let server = await startServer(site);
  try {
    await site.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    let usualMs = 0;
    let usualModel = "";
    for (const [round, kill] of [null, ...options.kills].entries()) {
      const startedAt = performance.now();
      const jobId = await submit(site);
      const report: RoundReport = {
        kills: [],
        recoveredMs: [],
        status: "",
        attempt: 0,
        seconds: 0,
        problems: [],
      };
      if (kill) server = await killWhile(site, server, jobId, { ...kill, usualMs }, report);
      const job = await ended(site, server, jobId);
      report.seconds = (performance.now() - startedAt) / 1_000;
      report.status = job.status;
      report.attempt = job.attempt;
      const model = await checkJob(site, server, job, round + 1, report.problems);
      if (!kill) [usualMs, usualModel] = [report.seconds * 1_000, model];
      else if (model !== usualModel) report.problems.push("the model differs from the undisturbed one");
      yield report;
    }
  } finally {
    server.child.kill("SIGTERM");
    await Promise.race([server.ended, delay(10_000)]);
    await server[Symbol.asyncDispose]();
    for (const pid of await processesOf(site.stateDir)) killNow(pid);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The sample pictures with many small files beside them: they are packed and unpacked, the trainer passes them over. */
async function makeDataset(folder: string, ballastFiles: number): Promise<string> {
  await cp(join(repository, "samples", "lighthouse-coast"), folder, { recursive: true });
  await mkdir(join(folder, "notes"));
  for (let index = 0; index < ballastFiles; index++)
    await writeFile(join(folder, "notes", `note-${index}.dat`), `note ${index} `.repeat(40));
  return folder;
}

async function startServer(site: Site): Promise<RunningProgram> {
  const server = runProgram(process.execPath, [join(repository, "server", "main.ts")], {
    cwd: repository,
    env: {
      ...process.env,
      SIMPLETUNER_STATE_DIR: site.stateDir,
      SIMPLETUNER_PORT: String(site.port),
      SIMPLETUNER_LOG_LEVEL: "warn",
      SIMPLETUNER_LOG_FORMAT: "json",
    },
  });
  await eventually(() => jsonFrom(`${site.url}/health`), server, 30_000);
  return server;
}

async function submit(site: Site): Promise<string> {
  const { job_id } = await site.call("POST /api/cloud/jobs/submit", {
    body: {
      name: "killed and restarted",
      dataset_transfer: "package",
      config: {
        model_family: "pixel-denoiser",
        model_type: "full",
        resolution: 16,
        train_batch_size: 4,
        max_train_steps: 120,
        checkpointing_steps: 20,
        validation_steps: 60,
        num_validation_images: 2,
        validation_num_inference_steps: 5,
        seed: 7,
      },
      dataloader_config: [{ id: "coast", type: "local", instance_data_dir: site.dataset }],
    },
  });
  return job_id;
}

/** Kills the server at its moment, starts it again, and sometimes kills the new one soon after; answers the last. */
async function killWhile(
  site: Site,
  first: RunningProgram,
  jobId: string,
  plan: PlannedKill & { usualMs: number },
  report: RoundReport,
): Promise<RunningProgram> {
  let server = first;
  const submittedAt = performance.now();
  const seen = watchJob(site, jobId);
  try {
    if (plan.aim === "any moment") await delay(site.random() * plan.usualMs);
    else {
      await reached(site, plan.aim, jobId);
      await delay(site.random() * jitterMs[plan.aim]);
    }
    const kills = site.random() < 0.3 ? 2 : 1;
    for (let kill = 1; kill <= kills; kill++) {
      if (kill > 1) await delay(site.random() * 1_500);
      server.child.kill("SIGKILL");
      if (plan.withTrainer && kill === 1) for (const pid of await processesOf(site.stateDir)) killNow(pid);
      await server.ended;
      const what = plan.withTrainer && kill === 1 ? "server and trainer" : "server";
      const when = kill === 1 ? plan.aim : "soon after the start";
      const afterMs = (performance.now() - submittedAt).toFixed(0);
      report.kills.push(`${when}: ${what} after ${afterMs} ms, ${stateOf(seen.job)}`);
      const startedAt = performance.now();
      server = await startServer(site);
      report.recoveredMs.push(performance.now() - startedAt);
    }
    return server;
  } finally {
    seen.stop();
  }
}

/** Resolves as soon as the job is in that stretch, seen by its files: the server need not be asked. */
async function reached(site: Site, aim: PlannedKill["aim"], jobId: string): Promise<void> {
  const cloud = join(site.stateDir, "cloud");
  const jobFolder = join(cloud, "jobs", jobId);
  const runs = async () => (await namesIn(jobFolder)).filter((name) => name.startsWith("run-"));
  const inARun = async (test: (folder: string) => Promise<boolean>) => {
    for (const name of await runs()) if (await test(join(jobFolder, name))) return true;
    return false;
  };
  const signs: Record<PlannedKill["aim"], () => Promise<boolean>> = {
    "any moment": async () => true,
    packaging: async () => (await namesIn(join(cloud, "packages"))).some((name) => name.startsWith(jobId)),
    "hand-over": async () => (await runs()).length > 0,
    training: () => inARun(async (folder) => /Training step/.test(await textOf(join(folder, "stdout.log")))),
    uploading: async () => (await namesIn(join(site.stateDir, "cloud_outputs/outputs", jobId))).length > 0,
    finishing: () => inARun(async (folder) => /Model saved/.test(await textOf(join(folder, "stdout.log")))),
  };
  const deadline = performance.now() + 120_000;
  while (!(await signs[aim]())) {
    if (performance.now() > deadline) throw new Error(`the job was never seen at ${aim}`);
    await delay(3);
  }
}

/** Keeps the newest state of the job that the server told. */
function watchJob(site: Site, jobId: string) {
  const seen = { job: null as Job | null, stop: () => stopped.abort() };
  const stopped = new AbortController();
  void (async () => {
    while (!stopped.signal.aborted) {
      const answer = await jsonFrom(`${site.url}/api/cloud/jobs/${jobId}`);
      if (answer) seen.job = answer["job"] as Job;
      await delay(20);
    }
  })();
  return seen;
}

function stateOf(job: Job | null): string {
  if (!job) return "not seen yet";
  const step = job.progress?.step ?? null;
  const transfer = job.upload_progress?.stage ?? null;
  return [job.status, step === null ? null : `step ${step}`, transfer].filter(Boolean).join(", ");
}

async function ended(site: Site, server: RunningProgram, jobId: string): Promise<Job> {
  return eventually(
    async () => {
      const { job } = await site.call("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } });
      return job.is_terminal ? job : null;
    },
    server,
    180_000,
  );
}

/** Looks at everything that must hold after a job; answers a digest of the model's numbers. */
async function checkJob(
  site: Site,
  server: RunningProgram,
  job: Job,
  jobsSoFar: number,
  problems: string[],
): Promise<string> {
  const { total } = await site.call("GET /api/cloud/jobs", { query: {} });
  if (total !== jobsSoFar) problems.push(`there are ${total} jobs instead of ${jobsSoFar}`);
  if (job.status !== "completed")
    problems.push(`it ended ${job.status}: ${job.error_code ?? ""} ${job.error_message ?? ""}`);
  const params = { job_id: job.job_id };
  const { events } = await site.call("GET /api/cloud/jobs/{job_id}/events", { params });
  const ends = events.filter(({ type, data }) => type === "job.status" && data["status"] === "completed");
  if (ends.length !== 1) problems.push(`${ends.length} events say completed`);
  for (const leftover of await leftovers(site, server)) problems.push(`left behind: ${leftover}`);
  return job.output_url === null ? "" : checkModel(site, job.output_url, problems);
}

/** What should be gone; cleaning up goes on a moment after the job's end is told. */
async function leftovers(site: Site, server: RunningProgram): Promise<string[]> {
  const folders = ["cloud/jobs", "cloud/packages", "cloud_outputs/.s3/tmp", "cloud_outputs/.s3/mpu"];
  const find = async (): Promise<string[]> => {
    const files = await Promise.all(
      folders.map(async (folder) =>
        (await namesIn(join(site.stateDir, folder))).map((name) => `${folder}/${name}`),
      ),
    );
    const processes = (await processesOf(site.stateDir)).filter((pid) => pid !== server.child.pid);
    return [...files.flat(), ...processes.map((pid) => `process ${pid}`)];
  };
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = await find();
    if (found.length === 0 || performance.now() > deadline) return found;
    await delay(50);
  }
}

/** Downloads the model, reads its safetensors header and answers the digest of its data part. */
async function checkModel(site: Site, path: string, problems: string[]): Promise<string> {
  const answer = await fetch(site.url + path);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) {
    problems.push(`the model cannot be downloaded: ${bytes.toString("utf8", 0, 200)}`);
    return "";
  }
  const md5 = createHash("md5").update(bytes).digest("hex");
  if (answer.headers.get("etag") !== `"${md5}"`) problems.push("the model's ETag is not its MD5");
  const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, dataStart)) as Record<
    string,
    { data_offsets?: [number, number] }
  >;
  const end = Math.max(...Object.values(header).map(({ data_offsets }) => data_offsets?.[1] ?? 0));
  if (end === 0 || dataStart + end !== bytes.length)
    problems.push(`the model's header promises ${dataStart + end} bytes, the file has ${bytes.length}`);
  return createHash("sha256").update(bytes.subarray(dataStart)).digest("hex");
}

/** Processes whose command line or environment names the folder, except this one. */
async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const text = (await textOf(`/proc/${name}/cmdline`)) + (await textOf(`/proc/${name}/environ`));
    if (text.includes(folder)) found.push(Number(name));
  }
  return found;
}

function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function textOf(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}

if (import.meta.main) {
  const option = (name: string, otherwise: number): number => {
    const at = process.argv.indexOf(`--${name}`);
    return at === -1 ? otherwise : Number(process.argv[at + 1]);
  };
  const kills = plannedKills(option("rounds", 20));
  const seed = option("seed", Date.now() % 100_000);
  console.log(`${kills.length} rounds, seed ${seed}`);
  let round = 0;
  for await (const report of killAndRestart({ kills, seed, ballastFiles: 5_000 })) {
    const killed = report.kills.join(" | ") || "undisturbed";
    const recovered = report.recoveredMs.map((ms) => `${ms.toFixed(0)} ms`).join(", ");
    console.log(
      `${String(round++).padStart(3)}  ${killed}${recovered && `; back in ${recovered}`}; ${report.status}, attempt ${report.attempt}, ${report.seconds.toFixed(1)} s`,
    );
    for (const problem of report.problems) console.log(`     PROBLEM: ${problem}`);
    if (report.problems.length > 0) process.exitCode = 1;
  }
}
