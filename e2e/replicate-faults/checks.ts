import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { billedNanoUsd, standingAt, type StoredPrediction } from "../replicate-emulator/prediction-life.ts";
import type { PlannedJob } from "./plan.ts";
import { type FaultSite, runNameOf } from "./site.ts";

/** What holds at the end of a fault run. */
export interface RunFindings {
  /** Jobs by status. */
  statuses: Readonly<Record<string, number>>;
  predictions: number;
  /** Whole micro-dollars: what the jobs say, what the days say, what the emulator bills. */
  jobMicros: number;
  dayMicros: number;
  billedMicros: number;
  /** What is wrong; empty when all is well. */
  problems: string[];
}

/** How a job must end after its prediction ended so. */
const statusAfter: Record<string, string> = {
  succeeded: "completed",
  failed: "failed",
  canceled: "cancelled",
};
/** Cleaning up goes on for a while after a job's end is told. */
const cleanWithinMs = 10_000;
const pageSize = 500;
const halfCentMicros = 5_000;

/** Looks at every job and every prediction. */
export async function checkRun(
  site: FaultSite,
  planned: readonly PlannedJob[],
  ids: ReadonlyMap<string, string>,
): Promise<RunFindings> {
  const problems: string[] = [];
  const jobs = await everyJob(site);
  if (jobs.length !== planned.length) problems.push(`${jobs.length} jobs instead of ${planned.length}`);
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  const predictions = Map.groupBy(site.emulator.predictions, ({ input }) => runNameOf(input) ?? "");
  const statuses: Record<string, number> = {};
  let jobMicros = 0;
  for (const plan of planned) {
    const job = byId.get(ids.get(plan.name) ?? "");
    if (!job) {
      problems.push(`${plan.name} is not there`);
      continue;
    }
    statuses[job.status] = (statuses[job.status] ?? 0) + 1;
    jobMicros += microsOf(job.cost_usd);
    for (const problem of [
      ...checkJob(plan, job, predictions.get(plan.name) ?? []),
      ...(await checkHistory(site, plan, job)),
    ])
      problems.push(`${plan.name} (${plan.course}, ${job.status}): ${problem}`);
  }
  problems.push(...(await leftovers(site)));
  const { total_cost_usd } = await site.call("GET /api/cloud/cost/summary", { query: { days: 2 } });
  const dayMicros = microsOf(total_cost_usd);
  const billedMicros = site.emulator.billedNanoUsd() / 1_000;
  if (dayMicros !== jobMicros) problems.push(`the days sum up to ${dayMicros}, the jobs to ${jobMicros}`);
  if (Math.abs(jobMicros - billedMicros) >= halfCentMicros)
    problems.push(`the jobs cost ${jobMicros} micro-dollars, ${billedMicros} are billed`);
  return {
    statuses,
    predictions: site.emulator.predictions.length,
    jobMicros,
    dayMicros,
    billedMicros,
    problems,
  };
}

function microsOf(usd: number | null): number {
  return Math.round((usd ?? 0) * 1e6);
}

async function everyJob({ call }: FaultSite): Promise<Job[]> {
  const found: Job[] = [];
  let cursor: string | undefined;
  do {
    const page = await call("GET /api/cloud/jobs", {
      query: { limit: pageSize, ...(cursor !== undefined && { cursor }) },
    });
    found.push(...page.jobs);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** Submitted once, ended as its prediction did, and charged what that cost. */
function checkJob(plan: PlannedJob, job: Job, predictions: readonly StoredPrediction[]): string[] {
  const problems: string[] = [];
  const [prediction, ...others] = predictions;
  if (others.length > 0) problems.push(`submitted ${predictions.length} times`);
  const mayBeCancelled = plan.cancelAfterMs !== null;
  if (!prediction) {
    if (job.status !== "cancelled" || !mayBeCancelled)
      problems.push(`there is no prediction; ${job.error_message}`);
    if (microsOf(job.cost_usd) !== 0) problems.push(`it costs ${job.cost_usd} without a prediction`);
    return problems;
  }
  const standing = standingAt(prediction, Date.now());
  const wanted = statusAfter[standing.status];
  if (job.status !== wanted)
    problems.push(`its prediction is ${standing.status}; ${job.error_code} ${job.error_message}`);
  if (!prediction.model.endsWith(`-${plan.hardware}`)) problems.push(`it ran on ${prediction.model}`);
  if (job.status === "failed" && !job.error_message?.includes(String(plan.fate.failure)))
    problems.push(`it says ${job.error_message}`);
  if (job.status === "completed" && !job.output_url) problems.push("it has no model");
  if (job.is_active) return problems;
  const billed = predictions.reduce((sum, each) => sum + billedNanoUsd(each, Date.now()), 0) / 1_000;
  // Both round: the server the time to a millisecond, and the cost to a micro-dollar.
  const halfMs = Math.max(0, ...predictions.map((each) => each.nanoUsdPerSecond)) / 2e6;
  if (Math.abs(microsOf(job.cost_usd) - billed) > halfMs + 1)
    problems.push(`it costs ${microsOf(job.cost_usd)} micro-dollars instead of ${billed.toFixed(1)}`);
  return problems;
}

/** One end in its history, each line of its log once, its model whole. */
async function checkHistory(
  { call, url, emulator }: FaultSite,
  plan: PlannedJob,
  job: Job,
): Promise<string[]> {
  const problems: string[] = [];
  const params = { job_id: job.job_id };
  const { events } = await call("GET /api/cloud/jobs/{job_id}/events", { params });
  const ends = events.filter(
    ({ type, data }) =>
      type === "job.status" && ["completed", "failed", "cancelled"].includes(String(data["status"])),
  );
  if (ends.length !== (job.is_active ? 0 : 1)) problems.push(`${ends.length} events tell of its end`);
  if (job.attempt > 1) problems.push(`it took ${job.attempt} attempts`);
  if (job.status !== "completed") return problems;
  const { lines } = await call("GET /api/cloud/jobs/{job_id}/logs", { params, query: { limit: 5_000 } });
  const steps = lines.filter(({ text }) => /^Training step \d+\/\d+ loss=/.test(text));
  if (steps.length !== plan.steps || lines.at(-1)?.text !== "Saved the model")
    problems.push(
      `its log has ${steps.length} of ${plan.steps} steps and ends with "${lines.at(-1)?.text ?? ""}"`,
    );
  const model = Object.values(emulator.behaviour.files)[0] ?? Buffer.alloc(0);
  const answer = await fetch(url + (job.output_url ?? ""));
  if (digestOf(new Uint8Array(await answer.arrayBuffer())) !== digestOf(model))
    problems.push("its model is not the one that was made");
  return problems;
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What should be gone: uploads, archives, folders of runs, and runs that go on. */
async function leftovers(site: FaultSite): Promise<string[]> {
  site.emulator.faults.end();
  const found = await leftAfter(site);
  if (found.length === 0) return found;
  // What could not be removed is tried again every ten minutes, and after each start.
  await site.killAndStart();
  return leftAfter(site);
}

async function leftAfter(site: FaultSite): Promise<string[]> {
  const deadline = performance.now() + cleanWithinMs;
  for (;;) {
    const found = await leftNow(site);
    if (found.length === 0 || performance.now() > deadline) return found;
    await delay(200);
  }
}

async function leftNow({ emulator, stateDir }: FaultSite): Promise<string[]> {
  const folders = await Promise.all(
    ["cloud/jobs", "cloud/packages"].map(async (folder) =>
      (await readdir(join(stateDir, folder)).catch(() => [])).map((name) => `${folder}/${name}`),
    ),
  );
  const running = emulator.predictions.filter((each) => standingAt(each, Date.now()).completedAtMs === null);
  return [
    ...folders.flat(),
    ...[...emulator.files.values()].map(({ name }) => `the upload ${name}`),
    ...running.map(({ input }) => `a prediction of ${runNameOf(input)} that goes on`),
  ].map((what) => `left behind: ${what}`);
}
