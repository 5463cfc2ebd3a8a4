import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { seeded } from "../testing/seeded.ts";
import { checkRun, type RunFindings } from "./checks.ts";
import { type PlannedJob, plannedJobs } from "./plan.ts";
import { type FaultSite, openFaultSite } from "./site.ts";

/** How {@link faultRun} goes about it. */
export interface FaultRunOptions {
  jobs: number;
  kills: number;
  seed: number;
  /** Share of calls and deliveries that go wrong. */
  faultRate: number;
  /** Jobs under way at once. */
  atOnce: number;
  /** All jobs are over after this long. */
  limitMs: number;
  onProgress?: (line: string) => void;
}

/** What a fault run came to. */
export interface FaultReport extends RunFindings {
  seconds: number;
  /** Milliseconds from each new start to its first answer. */
  recoveredMs: number[];
  /** Calls that reached the emulator, and how many of them went wrong. */
  calls: number;
  faults: Readonly<Record<string, number>>;
  deliveries: Readonly<Record<"sent" | "taken" | "dropped" | "doubled", number>>;
}

/** Submissions that are under way together. */
const lanes = 4;
const lookEveryMs = 250;

/**
 * Takes jobs through an emulated Replicate where calls and deliveries go wrong, kills the server with -9 again and
 * again meanwhile, and looks at everything that must hold at the end.
 */
export async function faultRun(options: FaultRunOptions): Promise<FaultReport> {
  const random = seeded(options.seed);
  const jobs = plannedJobs(options.jobs, random);
  const startedAt = performance.now();
  const site = await openFaultSite({ ...options, jobs });
  const over = new AbortController();
  const killing = killAgainAndAgain(site, options, random, over.signal);
  try {
    const ids = new Map<string, string>();
    await Promise.all([submitAll(site, jobs, ids), killing]);
    await allOver(site, options);
    const seconds = (performance.now() - startedAt) / 1_000;
    const findings = await checkRun(site, jobs, ids);
    const { emulator } = site;
    return {
      ...findings,
      seconds,
      recoveredMs: await killing,
      calls: emulator.calls.length,
      faults: emulator.faults.happened(),
      deliveries: emulator.webhooks.counts(),
    };
  } finally {
    over.abort();
    // A server that is just being started again must be there to be ended.
    await killing.catch(() => undefined);
    await site.close();
  }
}

/** Submits all jobs, a few at a time, and cancels those that are to be cancelled; resolves once all of it was answered. */
async function submitAll(
  site: FaultSite,
  jobs: readonly PlannedJob[],
  ids: Map<string, string>,
): Promise<void> {
  const waiting = jobs.values();
  const cancels: Promise<void>[] = [];
  const lane = async (): Promise<void> => {
    for (const job of waiting) {
      const jobId = await submit(site, job);
      ids.set(job.name, jobId);
      if (job.cancelAfterMs !== null) cancels.push(cancelLater(site, jobId, job.cancelAfterMs));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await Promise.all(cancels);
}

async function submit(
  { call, dataloader }: FaultSite,
  { name, hardware, steps }: PlannedJob,
): Promise<string> {
  const { job_id } = await call("POST /api/cloud/jobs/submit", {
    body: {
      provider: "replicate",
      name,
      hardware,
      config: { model_family: "flux", max_train_steps: steps },
      dataloader_config: dataloader,
      idempotency_key: randomUUID(),
    },
  });
  return job_id;
}

async function cancelLater({ call }: FaultSite, job_id: string, afterMs: number): Promise<void> {
  await delay(afterMs);
  try {
    await call("POST /api/cloud/jobs/{job_id}/cancel", { params: { job_id } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "invalid_job_state") throw error;
  }
}

/** Kills the server whenever as many more predictions were made, at a random moment after; answers the recoveries. */
async function killAgainAndAgain(
  site: FaultSite,
  { jobs, kills, onProgress }: FaultRunOptions,
  random: () => number,
  over: AbortSignal,
): Promise<number[]> {
  const recoveredMs: number[] = [];
  const { predictions } = site.emulator;
  // Some jobs are cancelled before they become a prediction.
  const expected = jobs * 0.8;
  for (let kill = 1; kill <= kills; kill++) {
    while (predictions.length < (expected * kill) / (kills + 1)) await delay(20, undefined, { signal: over });
    await delay(random() * 1_500);
    recoveredMs.push(await site.killAndStart());
    onProgress?.(
      `kill ${kill} at ${predictions.length} predictions, back in ${recoveredMs.at(-1)?.toFixed(0)} ms`,
    );
  }
  return recoveredMs;
}

async function allOver({ call }: FaultSite, { limitMs, onProgress }: FaultRunOptions): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  for (let told = Number.POSITIVE_INFINITY; ;) {
    const { total } = await call("GET /api/cloud/jobs", { query: { status: "active", limit: 1 } });
    if (total === 0) return;
    if (performance.now() > giveUpAt) return onProgress?.(`${total} jobs are not over after ${limitMs} ms`);
    if (total <= told - 50) onProgress?.(`${(told = total)} jobs are not over`);
    await delay(lookEveryMs);
  }
}
