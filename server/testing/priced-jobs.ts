import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { sqliteEngine } from "../db/dialects/sqlite.ts";
import { JobDatabase } from "../db/job-database.ts";
import { migrate } from "../db/migrate.ts";
import { openSqlite } from "../db/sqlite-driver.ts";
import { openStores, type Stores } from "../db/stores/open-stores.ts";
import { estimateJob } from "../domain/cost.ts";
import { newJobRecord } from "../domain/job-record.ts";
import { beginWork, endRun, moveTo, type RunEnd } from "../domain/job-state.ts";
import type { SpendLimit } from "../domain/spend-limit.ts";
import type { JobPrice } from "../services/job-price.ts";
import { type RunCosts, runCosts } from "../services/run-costs.ts";
import { spendGuard } from "../services/spend-guard.ts";

/** Clocks that a test moves: time really goes by, and the wall clock may be set to anything. */
export interface TestClock {
  /** Milliseconds that really went by. */
  trueMs: number;
  /** How far the wall clock is off. */
  skewMs: number;
  bootId: string;
}

/**
 * A database, in memory unless one is given, with everything that counts money over it. `crash` forgets what a killed
 * server forgets: all but the database.
 */
export async function pricedJobs(startMs = Date.parse("2026-11-10T12:00:00Z"), given?: JobDatabase) {
  const clock: TestClock = { trueMs: startMs, skewMs: 0, bootId: "boot" };
  const now = () => clock.trueMs + clock.skewMs;
  const db = given ?? new JobDatabase(sqliteEngine(openSqlite(":memory:")));
  if (!given) await migrate(db, now);
  const none = () => undefined;
  const open = () => {
    const stores = openStores(db, now, none, none);
    const guard = spendGuard({ ...stores, now });
    const readClock = () => ({ nowMs: now(), uptimeMs: clock.trueMs - startMs, bootId: clock.bootId });
    return { stores, guard, costs: runCosts({ ...stores, spendGuard: guard, readClock }) };
  };
  const counting = { clock, db, now, ...open() };
  return Object.assign(counting, acts(counting), {
    crash: () => Object.assign(counting, open()),
    close: () => db.destroy(),
  });
}

interface Counting {
  db: JobDatabase;
  now: () => number;
  stores: Stores;
  costs: RunCosts;
}

function acts(kit: Counting) {
  return { ...submitting(kit), ...running(kit) };
}

/** Several kits may share a database. */
let jobsMade = 0;

function submitting(kit: Counting) {
  const { now } = kit;
  return {
    setLimit: (limit: Partial<SpendLimit> & { amountMicros: number }) =>
      kit.stores.spendLimits.change({
        provider: limit.provider ?? null,
        decide: () => ({ period: "monthly", action: "stop", sliceMs: 600_000, ...limit }),
        by: "admin",
      }),
    /** Submits a job; answers its id and the warning it was let in with. */
    async submit(options: {
      rate: number;
      estimateMicros?: number | null;
      provider?: string;
      userId?: string;
    }): Promise<{ jobId: string; warning: string | null }> {
      const jobId = `job-${++jobsMade}`;
      const { rate, estimateMicros = null, provider = "cloud", userId = "ada" } = options;
      const record = pricedRecord({ jobId, userId, provider }, now());
      const price = priceOf(rate, estimateMicros);
      let warning: string | null = null;
      await kit.stores.jobs.insert(
        record,
        { config: "{}", dataloader: "[]", plan: "{}" },
        [],
        null,
        async (transaction) => {
          warning = await kit.costs.open(transaction, record.wire, price);
        },
      );
      return { jobId, warning };
    },
  };
}

function running(kit: Counting) {
  const { db, now } = kit;
  return {
    /** Takes a waiting job to `running`, as the driver does; throws what the reservation throws. */
    async start(jobId: string, runToken = `run-${jobId}`): Promise<void> {
      await kit.stores.jobs.change(jobId, (job) => beginWork(job, runToken, now()));
      const fresh = await kit.costs.begin(jobId, runToken);
      await kit.stores.jobs.change(
        jobId,
        (job) => moveTo(job, "running", now(), { private: { handedOver: true } }),
        (transaction) => kit.costs.started(transaction, jobId, fresh),
      );
    },
    /** One round of counting; answers the jobs to be stopped. */
    async count(): Promise<string[]> {
      const stopped: string[] = [];
      for (const charge of await kit.costs.running())
        if ((await kit.costs.count(charge)) === "to be stopped") stopped.push(charge.job_id);
      return stopped;
    },
    /** Ends a run, as the driver does. */
    async end(jobId: string, end: RunEnd, runToken = `run-${jobId}`): Promise<void> {
      await kit.costs.settle(jobId, runToken, end.billedSeconds ?? null);
      await kit.stores.jobs.change(jobId, (job) => endRun(job, runToken, end, now()));
    },
    async wire(jobId: string): Promise<Job> {
      const job = await kit.stores.jobs.find(jobId);
      if (!job) throw new Error(`there is no job ${jobId}`);
      return job.wire;
    },
    /** What the days of a job come to. */
    async booked(jobId: string): Promise<number> {
      const rows = await db.selectFrom("cost_days").select("micros").where("job_id", "=", jobId).execute();
      return rows.reduce((sum, { micros }) => sum + Number(micros), 0);
    },
  };
}

/** See {@link pricedJobs}. */
export type PricedJobs = Awaited<ReturnType<typeof pricedJobs>>;

function pricedRecord(job: { jobId: string; userId: string; provider: string }, nowMs: number) {
  return newJobRecord(
    {
      ...job,
      jobType: "cloud",
      name: job.jobId,
      configName: null,
      modelFamily: "flux",
      transfer: "in_place",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: "gpu",
      hardware: "gpu",
      costUsd: 0,
      metadata: {},
    },
    nowMs,
  );
}

function priceOf(rateMicrosPerHour: number, estimateMicros: number | null): JobPrice {
  const told = estimateJob([], { hardware: "gpu", modelFamily: "flux", steps: null }, rateMicrosPerHour);
  const micros =
    estimateMicros === null ? null : { low: estimateMicros, typical: estimateMicros, high: estimateMicros };
  return { hardware: { id: "gpu", name: "A GPU" }, rateMicrosPerHour, estimate: { ...told, micros } };
}
